"""Sentences of a radiologist that the evidence supports; none may be refused."""

import pytest
from guard_cases import evidence_of

from core.reporting.guard import Draft, examine, examine_sentence, link

NORMAL = """
The lungs are clear.
Lungs are clear bilaterally.
Both lungs are clear.
Clear lungs.
The lungs are grossly clear.
The lungs appear clear.
Lung fields are clear.
The lungs are clear without focal consolidation, effusion, or pneumothorax.
The lungs are clear of focal airspace disease, pneumothorax, or pleural effusion.
The lungs are free of focal airspace disease.
The lungs and pleural spaces show no acute abnormality.
The pleural spaces are clear.
No pleural abnormality.
No pneumothorax.
No pleural effusion.
No pneumothorax or pleural effusion.
No pleural effusions or pneumothoraces.
There is no pleural effusion or pneumothorax.
No pleural effusion or pneumothorax is seen.
No large pleural effusion or pneumothorax.
No visible pleural fluid.
No focal consolidation, pleural effusion, or pneumothorax.
No focal consolidation, pneumothorax or large pleural effusion.
No focal airspace consolidation.
No focal airspace disease.
Lungs: clear.
No left pleural effusion.
The right lung is clear.
Heart size is at the upper limits of normal.
No focal infiltrate.
There is no focal airspace opacity to suggest pneumonia.
No suspicious pulmonary opacity.
There are no nodules or masses.
No suspicious pulmonary nodules or masses.
No cavitary lesions are seen.
No pulmonary edema.
No overt pulmonary edema.
No pneumonia.
No evidence of pneumonia.
No evidence of active infection.
No hiatal hernia is seen.
No emphysema or fibrosis.
No pleural thickening.
Specifically, no evidence of focal consolidation, pneumothorax, or pleural effusion.
Negative for pneumothorax, pleural effusion or focal consolidation.
Without evidence of pleural effusion.
Heart size is normal.
Heart size normal.
Normal heart size.
Heart size is within normal limits.
The heart is normal in size and contour.
The heart is not enlarged.
No cardiomegaly.
The cardiac silhouette is normal in size.
The cardiac silhouette is within normal limits.
The cardiomediastinal silhouette is normal.
The cardiomediastinal silhouette is within normal limits for size and contour.
Cardiac and mediastinal contours are within normal limits.
Normal cardiomediastinal silhouette.
Heart size is normal and the lungs are clear.
Heart and lungs are normal.
The heart size is normal, and there is no pleural effusion.
No acute cardiopulmonary abnormality.
No acute cardiopulmonary disease.
No acute cardiopulmonary process.
No acute cardiopulmonary findings.
No evidence of acute cardiopulmonary disease.
No active disease.
No acute disease.
No acute abnormality identified.
No acute or active cardiac, pulmonary or pleural disease.
No acute pulmonary abnormality.
No acute intrathoracic abnormality.
The heart and lungs show no acute abnormality.
No pneumothorax in the lungs.
No pleural effusion, and the heart is normal in size.
The lungs are clear of effusion.
No nodule or mass in the lungs.
Heart size, lungs and pleural spaces are normal.
No acute findings otherwise.
No apparent pleural effusion.
No pleural effusion is apparent.
No focal consolidation, pneumothorax, and pleural effusion are seen.
No pneumothorax is seen, and no pleural effusion is present.
No bilateral pleural effusions.
No effusion at the bases.
No focal consolidation in the lower lobes.
The costophrenic angles are sharp.
The pleural spaces are free of fluid and air.
Normal chest.
Normal examination.
""".strip().splitlines()

CALLED = [
    ("+Effusion", "Pleural effusion."),
    ("+Effusion", "There is a pleural effusion."),
    ("+Effusion@left_lower_zone", "Left pleural effusion."),
    ("+Effusion@left_lower_zone", "There is a left basilar pleural effusion."),
    ("+Effusion@left_lower_zone", "A left-sided pleural effusion is present."),
    ("+Effusion@right_lower&left_lower", "Bilateral pleural effusions."),
    ("+Effusion@right_lower&left_lower", "There are right and left pleural effusions."),
    ("+Effusion@left_lower_zone", "Left pleural effusion without pneumothorax."),
    ("+Effusion", "Pleural effusion with no pneumothorax."),
    ("+Effusion", "The lungs are clear."),
    ("+Effusion +Atelectasis", "Pleural effusion with adjacent atelectasis."),
    ("+Effusion@left_lower_zone +Atelectasis@left_lower_zone", "Left pleural effusion and basilar atelectasis."),
    ("+Cardiomegaly", "The heart is enlarged."),
    ("+Cardiomegaly", "Cardiomegaly is present."),
    ("+Cardiomegaly", "Cardiomegaly without pulmonary edema."),
    ("+Cardiomegaly", "There is cardiomegaly, and the lungs are clear."),
    ("+Cardiomegaly", "Enlarged cardiac silhouette."),
    ("+Cardiomegaly", "Cardiomegaly, otherwise no acute cardiopulmonary abnormality."),
    ("+Cardiomegaly +Edema", "Cardiomegaly with pulmonary edema."),
    ("+Edema", "Pulmonary edema is present."),
    ("+Edema", "Findings are consistent with pulmonary edema."),
    ("+Consolidation@right_middle_zone", "Consolidation in the right middle lobe."),
    ("+Consolidation@right_lower_zone", "There is airspace opacity at the right lung base."),
    ("+Consolidation +Pneumonia", "Consolidation consistent with pneumonia."),
    ("?Pneumonia", "Possible pneumonia."),
    ("?Pneumonia", "Pneumonia cannot be excluded."),
    ("?Pneumonia", "Findings may represent pneumonia."),
    ("?Pneumonia", "Questionable pneumonia."),
    ("?Pneumonia +Infiltration", "Pulmonary infiltrate, possibly pneumonia."),
    ("?Atelectasis ?Infiltration", "Possible atelectasis or infiltrate."),
    ("?Atelectasis ?Infiltration", "Atelectasis versus infiltrate."),
    ("?Cardiomegaly", "Possible cardiomegaly."),
    ("?Cardiomegaly", "The heart may be enlarged."),
    ("?Nodule@right_upper_zone", "Possible nodule in the right upper lung."),
    ("?Effusion@right_lower_zone", "A right pleural effusion is suspected."),
    ("+Nodule@left_upper_zone", "Lung nodule in the left upper lobe."),
    ("+Nodule@left_upper_zone", "There is a left upper lobe nodule, and no pleural effusion is seen."),
    ("+Mass@right_middle_zone", "Right lung mass."),
    ("+Emphysema", "Emphysematous changes are present."),
    ("+Emphysema", "Emphysema without focal consolidation."),
    ("+Fibrosis@right_upper_zone", "Fibrosis in the right upper zone."),
    ("+Hernia", "There is a hiatal hernia."),
    ("+Hernia", "The lungs are clear and heart size is normal."),
    ("+Pleural_Thickening@left_upper_zone", "Left apical pleural thickening."),
    ("+Pneumothorax@right_upper_zone", "Right apical pneumothorax."),
    ("+Pneumothorax", "A pneumothorax is present, and there is no pleural effusion."),
    ("+Atelectasis@right_lower&left_lower", "Bibasilar atelectasis."),
    ("+Atelectasis", "The lungs are otherwise clear."),
    ("+Atelectasis", "Apart from atelectasis, the lungs are clear."),
    ("+Atelectasis", "The lungs are clear apart from atelectasis."),
    ("+Effusion", "No acute cardiopulmonary abnormality except for pleural effusion."),
    ("+Atelectasis", "Otherwise, no acute cardiopulmonary abnormality."),
    ("+Atelectasis", "No pleural effusion or pneumothorax is identified."),
    ("+Infiltration@left_lower_zone", "There is an infiltrate in the left lower lobe."),
    ("0Hernia", "The lungs are clear."),
    ("0Hernia", "Heart size is normal, and no pleural effusion is seen."),
    ("+Effusion@left_lower_zone", "Left basal pleural effusion."),
    ("+Effusion@left_lower_zone +Nodule@right_upper_zone", "Left pleural effusion and right upper lobe nodule."),
    ("+Effusion@left_lower_zone +Nodule@right_upper_zone", "Left pleural effusion, and right upper lobe nodule."),
    ("+Effusion@right_lower&left_lower", "Effusions at the bases."),
    ("+Effusion@right_lower&left_lower", "Effusions at both lung bases."),
    ("+Consolidation@right_lower&left_lower", "Consolidation in the lower lobes."),
    ("+Consolidation@left_lower_zone", "Consolidation at the left lung base."),
    ("+Effusion@left_lower_zone", "Pleural effusion at the left lung base."),
    ("+Effusion@left_lower_zone +Atelectasis@left_lower_zone", "Left pleural effusion with underlying atelectasis."),
    (
        "+Effusion@left_lower_zone +Atelectasis@left_lower_zone",
        "On the left, there is a pleural effusion and atelectasis.",
    ),
    ("+Effusion@left_lower_zone +Cardiomegaly", "Left pleural effusion and cardiomegaly."),
    ("+Effusion@left_lower_zone +Cardiomegaly", "Cardiomegaly with left pleural effusion."),
    ("+Effusion@left_lower_zone +Edema", "Pulmonary edema with left pleural effusion."),
    ("+Mass@left_upper_zone", "Mass in the left lung, and no pleural effusion."),
    ("+Effusion", "Other than the effusion, no acute abnormality."),
    ("+Effusion", "No acute abnormality other than pleural effusion."),
    ("+Effusion", "No acute cardiopulmonary abnormality otherwise."),
    ("+Consolidation", "Airspace opacity."),
    ("+Atelectasis", "Airspace disease is present."),
    ("+Effusion@left_lower_zone ?Pneumonia", "Left pleural effusion, possible pneumonia."),
    ("?Pneumonia@left_lower_zone", "Possible left lower lobe pneumonia."),
    ("+Nodule@left_upper_zone +Consolidation@left_lower_zone", "Left upper zone nodule and lower zone consolidation."),
    ("+Cardiomegaly", "Cardiomegaly, and the lung bases are clear."),
    ("+Fibrosis@right_upper&left_upper", "Fibrosis in the upper lobes."),
    ("+Pneumothorax@left_upper_zone", "Left apical pneumothorax."),
    ("+Emphysema +Effusion@left_lower_zone", "Emphysema and left pleural effusion."),
    ("+Effusion", "Blunting of the costophrenic angle."),
    ("+Effusion", "Likely pleural effusion."),
    ("+Effusion", "Pleural effusion is probable."),
    ("+Effusion@left_lower_zone", "Fluid is seen in the left pleural space."),
    (
        "+Pneumothorax@right_upper_zone +Atelectasis@right_lower_zone",
        "Pneumothorax and basal atelectasis, both on the right.",
    ),
]
FAIR = [*(("", sentence) for sentence in NORMAL), *CALLED]


@pytest.mark.parametrize(("findings", "sentence"), FAIR, ids=[entry[1][:50] for entry in FAIR])
def test_a_fair_sentence_is_let_through(findings: str, sentence: str) -> None:
    assert examine_sentence(sentence, evidence_of(findings)) == ()


@pytest.mark.parametrize(("findings", "sentence"), FAIR, ids=[entry[1][:50] for entry in FAIR])
def test_a_fair_sentence_rests_on_findings(findings: str, sentence: str) -> None:
    evidence = evidence_of(findings)
    (linked,) = link(Draft(sentence, ""), evidence)
    assert linked.text == sentence
    assert linked.findings
    called = {item.finding.name for item in evidence.decided("present", "possible")}
    assert linked.kind == ("finding" if called & set(linked.findings) else "normal")


def test_the_catalogue_is_long_and_has_no_entry_twice() -> None:
    assert len(set(FAIR)) == len(FAIR) >= 100


@pytest.mark.parametrize(
    ("findings", "text", "impression"),
    [
        ("", "The lungs are clear. Heart size is normal.", "No acute cardiopulmonary abnormality."),
        ("", "Heart size is normal.\nThe lungs are clear.", "1. No acute disease. 2. No pneumothorax."),
        (
            "+Effusion@left_lower_zone ?Pneumonia",
            "Left pleural effusion. Possible pneumonia. No pneumothorax.",
            "Left pleural effusion.",
        ),
        ("?Edema", "Possible pulmonary edema. Heart size is normal.", "Possible pulmonary edema."),
        ("0Hernia +Cardiomegaly", "Cardiomegaly. The lungs are clear.", "Cardiomegaly without acute lung findings."),
    ],
)
def test_a_fair_draft_may_be_shown(findings: str, text: str, impression: str) -> None:
    assert examine(Draft(text, impression), evidence_of(findings)) == ()
