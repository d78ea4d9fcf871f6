import re
from dataclasses import asdict

import pytest

from core.datasets.sources.openi import load_openi
from core.datasets.sources.openi_reports import packaged_file
from core.evaluation.labeler_study import study_labeler
from core.findings import FINDINGS, LABELS
from core.labeler import CHEXPERT, chexpert_values, describe, find_mentions, label_values, lexicon, presences
from core.labeler.subjects import stated_in

PRESENT, ABSENT, UNCERTAIN, SILENT = "present", "absent", "uncertain", "not mentioned"

# A report and what it says: + present, - absent, ? uncertain, 0 not mentioned.
STATEMENTS = [
    ("No focal consolidation, pneumothorax, or pleural effusion.", "-Consolidation -Pneumothorax -Effusion"),
    ("No pneumothorax or effusion.", "-Pneumothorax -Effusion"),
    ("There is no evidence of pneumonia.", "-Pneumonia"),
    ("Without evidence of pulmonary edema.", "-Edema"),
    ("Lungs are clear without effusion or pneumothorax.", "-Effusion -Pneumothorax"),
    ("Negative for pneumothorax, effusion or infiltrate", "-Pneumothorax -Effusion -Infiltration"),
    ("No pleural effusion, mild cardiomegaly.", "-Effusion +Cardiomegaly"),
    ("No effusion, but there is a small left pneumothorax.", "-Effusion +Pneumothorax"),
    ("Small left effusion without pneumothorax.", "+Effusion -Pneumothorax"),
    ("No change in the large hiatal hernia.", "+Hernia"),
    ("No significant interval change in bilateral pleural effusions.", "+Effusion"),
    ("Without significant change in the right upper lobe mass.", "+Mass"),
    ("Effusion has not changed.", "+Effusion"),
    ("The pleural effusions are not significantly changed.", "+Effusion"),
    ("No increase in the size of the nodule.", "+Nodule"),
    ("Possible left lower lobe pneumonia.", "?Pneumonia"),
    ("Cannot exclude a small pneumothorax.", "?Pneumothorax"),
    ("Small pleural effusion cannot be excluded.", "?Effusion"),
    ("A small pneumothorax is not excluded.", "?Pneumothorax"),
    ("Pneumonia is not ruled out.", "?Pneumonia"),
    ("Opacity which may represent atelectasis or pneumonia.", "?Atelectasis ?Pneumonia"),
    ("Findings concerning for pneumonia.", "?Pneumonia"),
    ("Findings suspicious for a mass.", "?Mass"),
    ("Atelectasis versus infiltrate.", "?Atelectasis ?Infiltration"),
    ("History of emphysema.", "0Emphysema"),
    ("History of pneumothorax. Lungs are clear.", "0Pneumothorax"),
    ("If there is clinical concern for pneumonia, a lateral view may help.", "0Pneumonia"),
    ("Correlate clinically for pneumonia.", "0Pneumonia"),
    ("The heart is enlarged.", "+Cardiomegaly"),
    ("The heart is not enlarged.", "-Cardiomegaly"),
    ("Heart size is normal.", "-Cardiomegaly"),
    ("The cardiac silhouette is mildly enlarged.", "+Cardiomegaly"),
    ("Cardiomediastinal silhouette is within normal limits.", "-Cardiomegaly"),
    ("Heart size is upper limits of normal.", "-Cardiomegaly"),
    ("Cardiac enlargement.", "+Cardiomegaly"),
    ("No cardiomegaly.", "-Cardiomegaly"),
    ("Stable cardiomegaly without pulmonary edema.", "+Cardiomegaly -Edema"),
    ("The previously seen pneumothorax has resolved.", "-Pneumothorax"),
    ("The previously seen right pneumothorax is no longer seen.", "-Pneumothorax"),
    ("Interval resolution of the left pleural effusion.", "-Effusion"),
    ("Resolved pneumonia.", "-Pneumonia"),
    ("Nearly resolved left effusion.", "+Effusion"),
    ("Pericardial effusion.", "0Effusion"),
    ("Subcutaneous emphysema in the left chest wall.", "0Emphysema"),
    ("Mass effect on the trachea.", "0Mass"),
    ("Pneumothorax is not seen.", "-Pneumothorax"),
    ("Pleural effusion is absent.", "-Effusion"),
    ("No definite pneumothorax.", "-Pneumothorax"),
    ("Lungs are free of focal infiltrates.", "-Infiltration"),
    ("The lungs are clear of infiltrate, effusion, or pneumothorax.", "-Infiltration -Effusion -Pneumothorax"),
    ("Rule out pneumonia.", "0Pneumonia"),
    ("Cardiomegaly with no edema.", "+Cardiomegaly -Edema"),
    ("No acute disease. Emphysema.", "+Emphysema"),
    ("INDICATION: Pneumonia. FINDINGS: The lungs are clear. IMPRESSION: No effusion.", "0Pneumonia -Effusion"),
    ("Indication: rule out pneumothorax\n\nFindings: Small effusion.", "0Pneumothorax +Effusion"),
    ("1. No pneumothorax. 2. Bibasilar atelectasis.", "-Pneumothorax +Atelectasis"),
    ("- No effusion\n- Mild edema", "-Effusion +Edema"),
    ("Left basilar atelctasis and small pleural effussion.", "+Atelectasis +Effusion"),
    ("No pneumothroax.", "-Pneumothorax"),
    ("Neither effusion nor pneumothorax is seen.", "-Effusion -Pneumothorax"),
    ("Although no effusion is seen, there is atelectasis.", "-Effusion +Atelectasis"),
    ("No opacity to suggest pneumonia.", "-Pneumonia"),
    ("There is no pneumothorax; mild interstitial edema is present.", "-Pneumothorax +Edema"),
    ("No infiltrate, effusion, pneumothorax.", "-Infiltration -Effusion -Pneumothorax"),
    ("Pleural thickening at the right apex.", "+Pleural_Thickening"),
    ("Biapical pleural thickening is unchanged.", "+Pleural_Thickening"),
    ("Interstitial fibrosis in the bases.", "+Fibrosis"),
    ("Fibrotic changes are noted.", "+Fibrosis"),
    ("1.2 cm nodule in the left upper lobe.", "+Nodule"),
    ("No suspicious nodules or masses.", "-Nodule -Mass"),
    ("Left lower lobe collapse.", "+Atelectasis"),
    ("XXXX XXXX atelectasis in the left base.", "+Atelectasis"),
    ("There are no XXXX of a pleural effusion.", "-Effusion"),
    ("Edema is unlikely.", "-Edema"),
    ("Likely small left pleural effusion.", "+Effusion"),
    ("Probable atelectasis.", "+Atelectasis"),
    ("Findings consistent with pulmonary edema.", "+Edema"),
    ("Question small left effusion.", "?Effusion"),
    ("?pneumonia at the left base", "?Pneumonia"),
    ("Pneumonia?", "?Pneumonia"),
    ("Improved right effusion.", "+Effusion"),
    ("Persistent small right apical pneumothorax, decreased.", "+Pneumothorax"),
    ("Effusion on the left has decreased and there is no pneumothorax.", "+Effusion -Pneumothorax"),
    ("There is a moderate hiatal hernia but no pneumonia, effusion, or edema.", "+Hernia -Pneumonia -Effusion -Edema"),
    (
        "The lungs are clear. No pleural effusion or pneumothorax. Heart and mediastinum are normal.",
        "-Effusion -Pneumothorax -Cardiomegaly",
    ),
    ("No new infiltrate.", "-Infiltration"),
    ("No pneumothorax is identified, and a small right pleural effusion is noted.", "-Pneumothorax +Effusion"),
    (
        "There is no effusion and no pneumothorax, however consolidation is seen in the left lower lobe.",
        "-Effusion -Pneumothorax +Consolidation",
    ),
    ("Mediastinal mass.", "+Mass"),
    ("Cardiomegaly cannot be excluded.", "?Cardiomegaly"),
    ("Possible cardiomegaly.", "?Cardiomegaly"),
    ("There may be mild cardiomegaly.", "?Cardiomegaly"),
    ("The heart may be mildly enlarged.", "?Cardiomegaly"),
    ("Heart size cannot be assessed.", "0Cardiomegaly"),
    ("No cardiac enlargement.", "-Cardiomegaly"),
    ("The heart is not normal in size.", "0Cardiomegaly"),
    ("Evaluate for pneumothorax.", "0Pneumothorax"),
    ("This model does not assess pulmonary edema or hiatal hernia.", "0Edema 0Hernia"),
    ("Follow-up recommended to exclude underlying mass.", "0Mass"),
    (
        "Unchanged appearance of the chest with no new consolidation, effusion or pneumothorax.",
        "-Consolidation -Effusion -Pneumothorax",
    ),
    ("Pleural effusions have increased; no pneumothorax.", "+Effusion -Pneumothorax"),
    ("No large effusion, small nodule or mass.", "-Effusion -Nodule -Mass"),
    ("No pneumothorax, pleural effusion or focal airspace disease. Stable moderate emphysema.", "+Emphysema"),
    ("Status post resection of right upper lobe mass.", "0Mass"),
    ("The left pleural effusion seen on the prior study has cleared.", "-Effusion"),
    ("Interval development of a right infiltrate.", "+Infiltration"),
    ("Pulmonary nodule not seen on today's exam.", "-Nodule"),
    ("There is no longer a pneumothorax.", "-Pneumothorax"),
    ("The patient has known emphysema.", "+Emphysema"),
    ("No consolidation is seen to suggest pneumonia.", "-Consolidation -Pneumonia"),
    ("Cardiac silhouette and mediastinum within normal limits.", "-Cardiomegaly"),
    ("Enlarged heart.", "+Cardiomegaly"),
    (
        "The cardiomediastinal silhouette is normal. The lungs are hyperinflated consistent with emphysema.",
        "-Cardiomegaly +Emphysema",
    ),
    ("Consolidation in the right lower lobe compatible with pneumonia.", "+Consolidation +Pneumonia"),
    ("Low lung volumes limit evaluation for edema.", "0Edema"),
    ("Aside from mild atelectasis, no acute abnormality.", "+Atelectasis"),
    ("Other than a small effusion, the lungs are clear.", "+Effusion"),
    ("No abnormality other than mild atelectasis.", "+Atelectasis"),
    ("No acute cardiopulmonary disease except for small right effusion.", "+Effusion"),
    ("Effusions are not present.", "-Effusion"),
    ("The effusion is small and no pneumothorax is seen.", "+Effusion -Pneumothorax"),
    ("Emphysema without pneumonia.", "+Emphysema -Pneumonia"),
    ("Mild pulmonary edema is suspected.", "?Edema"),
    ("Pneumonia should be considered.", "?Pneumonia"),
    ("Pneumonia is a possibility.", "?Pneumonia"),
    ("Opacity, possibly atelectasis.", "?Atelectasis"),
    ("Atelectasis is favored over pneumonia.", "?Pneumonia"),
    ("Hydropneumothorax on the left.", "+Pneumothorax +Effusion"),
    ("Trace pleural fluid.", "+Effusion"),
    (
        "Lung volumes are low with bibasilar atelectasis, no pneumothorax, and stable cardiomegaly.",
        "+Atelectasis -Pneumothorax +Cardiomegaly",
    ),
    ("Previous right pneumothorax has decreased.", "+Pneumothorax"),
    ("On a previous outside scan, the right upper lobe was consolidated.", "0Consolidation"),
    ("In the appropriate clinical setting, this is compatible with pneumonia.", "?Pneumonia"),
    ("Findings strongly suggestive of pneumonia.", "+Pneumonia"),
    ("Hyperexpanded lungs, suggestive of emphysema.", "?Emphysema"),
    ("Left base opacity, which is concerning for pneumonia.", "?Pneumonia"),
    ("Borderline heart size.", "+Cardiomegaly"),
    ("Masslike opacity in the right apex.", "0Mass"),
    ("CLINICAL HISTORY: Effusion.\nTECHNIQUE: Two views.\nFINDINGS:\nNo effusion.", "-Effusion"),
    ("The lungs are clear of\nfocal consolidation or\npneumothorax.", "-Consolidation -Pneumothorax"),
    ("", "0Effusion"),
]
SIGNS = {"+": PRESENT, "-": ABSENT, "?": UNCERTAIN, "0": SILENT}


@pytest.mark.parametrize(("report", "expected"), STATEMENTS, ids=[text[:60] for text, _ in STATEMENTS])
def test_a_statement_is_read_as_a_radiologist_means_it(report: str, expected: str) -> None:
    found = presences(report)
    wanted = {sign[1:]: SIGNS[sign[0]] for sign in expected.split()}
    assert {label: found.get(label, SILENT) for label in wanted} == wanted


@pytest.mark.parametrize("report", [text for text, _ in STATEMENTS])
def test_looking_at_single_words_first_passes_over_no_term(report: str) -> None:
    sentence = " ".join(report.lower().split())
    entries = lexicon._TRACKS.leading_on(sentence.split())
    matching = {
        entry for entry, (_, _, words) in enumerate(lexicon._TERMS) if re.search(rf"\b(?:{'|'.join(words)})", sentence)
    }
    assert matching <= set(entries)
    if any(stated_in(sentence)):
        assert lexicon._SUBJECTS in entries
    if lexicon._in_pleura(sentence):
        assert lexicon._PLEURAL in entries


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.name)
@pytest.mark.parametrize(
    ("frame", "presence"),
    [
        ("There is {}.", PRESENT),
        ("No evidence of {}.", ABSENT),
        ("Possible {}.", UNCERTAIN),
        ("{} cannot be excluded.", UNCERTAIN),
        ("History of {}.", SILENT),
        ("No significant change in {}.", PRESENT),
    ],
)
def test_the_phrase_of_every_finding_is_understood_in_every_frame(finding, frame: str, presence: str) -> None:
    text = frame.format(finding.phrase)
    assert presences(text[0].upper() + text[1:]).get(finding.name, SILENT) == presence


def test_the_firmest_statement_about_a_finding_holds() -> None:
    report = "FINDINGS: No large effusion. Possible edema. IMPRESSION: Small left effusion. No edema."
    assert presences(report)["Effusion"] == PRESENT
    assert presences(report)["Edema"] == UNCERTAIN


@pytest.mark.parametrize(
    ("report", "severity", "laterality"),
    [
        ("Small left pleural effusion.", "small", "left"),
        ("Small right and moderate left pleural effusions.", "moderate", "bilateral"),
        ("The effusions are small and bilateral.", "small", "bilateral"),
        ("Moderate-to-large pneumothorax on the right.", "moderate to large", "right"),
        ("The heart is mildly enlarged.", "mild", None),
        ("Bibasilar consolidation.", None, "bilateral"),
        ("Consolidation in the right\nlower lobe.", None, "right"),
        ("Left PICC, and cardiomegaly.", None, None),
        ("Pneumothorax. Large right nodule.", None, None),
        ("Pleural effusion and large right nodule.", None, None),
        ("Pleural effusion in the left and right hemithorax and large nodule.", None, "bilateral"),
    ],
)
def test_severity_and_side_are_those_of_the_finding_itself(
    report: str, severity: str | None, laterality: str | None
) -> None:
    mention = next(one for one in find_mentions(report) if one.observation in LABELS)
    assert (mention.severity, mention.laterality) == (severity, laterality)


def test_what_stands_between_two_findings_speaks_of_the_one_on_its_side_of_the_and() -> None:
    mentions = find_mentions("Nodule in the right upper zone and small effusion at the left base.")
    sides = {one.observation: (one.severity, one.laterality) for one in mentions if one.observation in LABELS}
    assert sides == {"Nodule": (None, "right"), "Effusion": ("small", "left")}


def test_a_side_holds_for_the_whole_list() -> None:
    sides = {one.observation: one.laterality for one in find_mentions("Left basilar atelectasis and effusion.")}
    assert sides["Atelectasis"] == sides["Effusion"] == "left"


def test_each_mention_names_its_words_place_cue_and_sentence() -> None:
    report = "FINDINGS:\n1. The lungs show no focal consolidation.\n2. Mild edema.\n\nIMPRESSION: Edema."
    mentions = find_mentions(report)
    assert [one.observation for one in mentions] == ["Consolidation", "Edema", "Edema"]
    for one in mentions:
        assert report[one.start : one.end] == one.words
        assert one.sentence in report
    assert mentions[0].cue == "no"
    assert mentions[0].sentence == "The lungs show no focal consolidation"
    assert [one.section for one in mentions] == ["findings", "findings", "impression"]


def test_labels_have_the_values_of_the_file_format() -> None:
    values = label_values(presences("Effusion. No edema. Possible pneumonia."))
    assert list(values) == list(LABELS)
    assert (values["Effusion"], values["Edema"], values["Pneumonia"], values["Mass"]) == (1, 0, -1, None)


@pytest.mark.parametrize(
    ("report", "name", "value"),
    [
        ("Small effusion.", "Pleural Effusion", 1),
        ("Widened mediastinum.", "Enlarged Cardiomediastinum", 1),
        ("The cardiomediastinal silhouette is normal.", "Enlarged Cardiomediastinum", 0),
        ("Patchy opacity.", "Lung Opacity", 1),
        ("Nodular density in the apex.", "Lung Lesion", 1),
        ("Pulmonary vascular congestion.", "Edema", 1),
        ("Findings concerning for infection.", "Pneumonia", -1),
        ("Pleural plaques.", "Pleural Other", 1),
        ("Old rib fractures.", "Fracture", 1),
        ("No displaced rib fracture.", "Fracture", 0),
        ("Endotracheal tube in place.", "Support Devices", 1),
        ("Right PICC. Lungs are clear.", "No Finding", 1),
        ("Possible pneumonia.", "No Finding", None),
    ],
)
def test_the_chexpert_vocabulary_is_kept_apart(report: str, name: str, value: int | None) -> None:
    values = chexpert_values(presences(report))
    assert list(values) == list(CHEXPERT)
    assert values[name] == value


def test_a_description_is_plain_data_with_all_mentions() -> None:
    described = describe("Small left effusion, no pneumothorax.")
    assert described["labels"]["Effusion"] == 1
    assert described["chexpert"]["Pneumothorax"] == 0
    assert described["mentions"] == [asdict(one) for one in find_mentions("Small left effusion, no pneumothorax.")]


@pytest.fixture(scope="module")
def study(shared_data):
    if packaged_file("NLMCXR_reports.tgz") is None:
        pytest.skip("torchxrayvision, which carries the Open-i reports, is not installed")
    table = load_openi(images=False, r2gen_split=shared_data / "openi" / "r2gen_split.csv").table
    return study_labeler(table, resamples=50)


@pytest.mark.real_data
def test_the_labeler_agrees_with_the_human_coding_of_open_i(study) -> None:
    whole = study["splits"]["all"]
    assert whole["n"] == 3860
    assert whole["micro_f1"] >= 0.90
    assert whole["macro_f1"] >= 0.86


@pytest.mark.real_data
def test_the_labeler_was_not_fitted_to_the_reports_it_was_developed_on(study) -> None:
    train, test = study["splits"]["train"], study["splits"]["test"]
    assert (train["n"], test["n"]) == (2028, 565)
    assert test["micro_f1"] >= 0.90
    assert train["micro_f1"] - test["micro_f1"] < 0.05


@pytest.mark.real_data
def test_keywords_alone_would_not_do(study) -> None:
    assert study["splits"]["all"]["keywords"]["micro_f1"] < 0.3
