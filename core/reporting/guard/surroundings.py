"""What a report speaks of beside the 14 findings: it is set apart, never checked, and no reason to refuse a draft.

Each kind has its words. A word that belongs to no kind here and to none of the guard's own vocabulary cannot be read
where it stands beside a finding; where it stands alone, it is set apart as well.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.reporting.guard.verdict import ViolationKind

_COMPARISON = re.compile(
    r"\b(?:unchanged|unaltered|interval|compar\w+|stable|stably|stability|again|new|newly|improv\w+|worse\w*|since|prior"
    r"|previous(?:ly)?|persist\w*|increas\w+|decreas\w+|resol(?:v\w+|ution)|progress\w*|regress\w*|develop\w*"
    r"|remain(?:s|ed)?|no longer|now|current(?:ly)?|still|old|former(?:ly)?|redemonstrat\w+|recurren\w+|continu\w+"
    r"|larger|smaller|bigger|cleared|clearing|baseline|earlier|residuals?|evol\w+|enlarging|growing|grow[ns]?"
    r"|long-?standing|recent(?:ly)?|yet|diminish\w+|similar|before|ago|times?"
    r"|(?:no|without|any|significant|substantial) (?:interval )?changes?|changed|healing|healed|remote|today|last"
    r"|reaccumulat\w+|re-?expan\w+|greater|more|less|better|differences?|sequelae?|already)\b"
)
_CAUSE = re.compile(
    r"\b(?:due|secondary|related|caus\w+|because|result\w*|etiolog\w+|attribut\w+|diagnos[ei]s|differential)\b"
)
_DEVICE = re.compile(
    r"\b(?:pace[- ]?makers?|sternotom\w+|catheters?|clips?|wires?|hardware|prosthe\w+|valv\w+|stents?|tub(?:e|es|ing)"
    r"|lines?|ports?|port-?a-?cath|mediport|leads?|electrodes?|monitor\w*|devices?|surg\w+|post-?surgical"
    r"|post-?operative\w*|pre-?operative\w*|operati(?:on|ve)\w*|cabg|bypass|mastectom\w+|cholecystectom\w+|resect\w+"
    r"|lobectom\w+|pneumonectom\w+|thoracotom\w+|thoracostom\w+|implant\w*|staples?|sutures?|screws?|rods?|coils?"
    r"|drains?|picc|swan|ganz|balloon|defibrillator|a?icd|ett|ngt|tracheostom\w+|intubat\w+|support|instrumentation"
    r"|arthroplast\w+|anchors?|vertebroplast\w+|kyphoplast\w+|transplant\w*|pigtail|foreign bod(?:y|ies)|foreign"
    r"|metal(?:lic)?|jewelry|artifacts?|artefacts?|post-?procedur\w+|post-?op\w*|dobbhoff|ecg|ekg|telemetry|graft\w*|filter|pump"
    r"|plates?|nails?|fixation|fusion|replacement|removal|removed|placement|tips?|bullets?|shrapnel|radiopaque"
    r"|radiodense|nipples?|piercing|generator|shunt|loop|tracheal tube|markers?|overl(?:ie|ies|ying) (?:lead"
    r"|wire)\w*)\b"
)
_HISTORY = re.compile(
    r"\b(?:patients?(?:'s)?|history|histories|hx|h/o|s/p|status[- ]post|age|aged|years?|y/?o|elderly|male|female|m[ae]n"
    r"|wom[ae]n|boy|girl|gender|sex|he|she|his|her|mrs?|ms|cough\w*|fever\w*|febrile|pain\w*|dyspn\w+|shortness|breath"
    r"|indications?|symptom\w*|clinical(?:ly)?|smok\w+|tobacco|present(?:s|ing|ed) with|complain\w*|trauma\w*"
    r"|post-?traumatic|known|hypertens\w+|diabet\w+|hypox\w+|sepsis|septic|chills|wheez\w+|hemoptysis"
    r"|admi(?:ssion|tted)|hospital\w*|pregnan\w*|obes\w+|habitus|asbestos\w*|immunocompromis\w+|occupational"
    r"|tenderness|injur\w+)\b"
)
_RECOMMENDATION = re.compile(
    r"\b(?:recommend\w*|follow[- ]?(?:ups?|ing)?|advis\w+|correlat\w+|consider\w*|should|repeat\w*|further|evaluat\w+"
    r"|obtain\w*|help(?:ful)?|biops\w+|bronchoscop\w+|thoracentes\w+|consult\w*|treat\w*|therap\w+|antibiotic\w*"
    r"|drainage|if|warrant\w*|refer\w*|please|urgent\w*|emergen\w+|immediate(?:ly)?|physicians?|doctor|dr|provider"
    r"|notif\w+|communicat\w+|discuss\w+|telephon\w+|attention|surveillance|screening|needed|necessary|assess\w*"
    r"|rule out|ensure|document\w*|additional (?:views?|imaging|stud(?:y|ies))|work-?up|management|diuresis|diuretics?"
    r"|useful|beneficial|dedicated|critical|results?|findings? (?:was|were) (?:called|communicated)|indicated|called)\b"
)
_MODALITY = re.compile(
    r"\b(?:ct|cta|hrct|tomogra\w+|mri?|magnetic|ultrasound\w*|sonogra\w+|echo\w*|pet|scan\w*|fluoroscop\w+|angiogra\w+"
    r"|mammogra\w+|lateral(?:ly)?|views?|projections?|ap|pa|anteroposterior|posteroanterior|portable|upright|supine"
    r"|semi-?erect|erect|decubitus|oblique\w*|films?|x-?rays?|radiographs|images|imaged|rotat\w+|techni\w+|inspirat\w+"
    r"|inspired|inspiration|expirat\w+|expos(?:ed|ures?)|(?:under|over)?penetrat\w+|contrast|doppler|motion|acquired"
    r"|limited|limits? (?:the )?(?:evaluation|assessment)|limitations?|suboptimal\w*|lordotic|quality|position(?:ing)?"
    r"|centred|centered|collimat\w+|exams?|examinations|studies|kub|summation|superimposition|overlap\w*|performed"
    r"|submitted|available|reviewed|presented|taken|accentuat\w+|exaggerat\w+|cardiac motion)\b"
)
# Parts of the body, and states of the lungs and vessels, of which none of the 14 findings speaks.
_ELSEWHERE = re.compile(
    r"\b(?:mediastin\w*|hil(?:um|a|ar|us)|perihilar|(?:para|peri|supra|infra|retro)\w{4,}|aort\w*|arch|great vessels?"
    r"|vascul\w*|vasculature|vessels?|venous|veins?|arter(?:y|ies|ial)\w*|broncho-?vascul\w*|trachea\w*|bronch\w*"
    r"|peribronch\w*|airways?|bon(?:e|es|y)|oss[eo]\w*|skelet\w*|ribs?|spin(?:e|es|al)|t-spine|thoracolumbar|lumbar"
    r"|cervical|vertebra\w*|dis[ck]s?|end-?plates?|osteo\w+|spondyl\w*|kypho\w*|clavic\w*|shoulders?|humer\w*|scapul\w*"
    r"|glenoid|acromio\w+|joints?|arthri\w+|arthropath\w+|stern(?:um|al|oclavicular)|pectus|manubri\w+|cost(?:al|ochondral)"
    r"|soft tissues?|tissues?|skin|subcutaneous|muscul\w*|abdom\w*|abdominal|bowel|colon\w*|colic|gastric|stomach|liver"
    r"|hepat\w+|spleen|splen\w+|gallbladder|kidney\w*|renal|pneumo-?peritoneum|peritone\w*|intraperitoneal"
    r"|(?:hemi-?)?diaphragm\w*|sub-?diaphragm\w*|eventration|esophag\w*|oesophag\w*|thyroid|goiter|breasts?|axill\w+"
    r"|neck|lymph\w*|lymphadenopath\w*|adenopath\w*|nodes?|pericard\w*|epicardial|degenerat\w*|scolio\w*|dextro\w*|levo\w*"
    r"|curvature|fractur\w*|disloc\w*|deformit\w*|wedg\w+|compression|compressions|granulo\w*|calcific\w*|calcium"
    r"|atheroscl\w*|arterioscl\w*|scler\w+|tortu\w*|ectas\w*|ectatic|unfold\w*|aneurysm\w*|scar|scars|scarring|scarred"
    r"|volumes?|(?:hyper|hypo|under|over)[- ]?(?:infla\w+|expan\w+|aerat\w+)|infla(?:ted|tion)|expan(?:ded"
    r"|sion)|aerat\w+"
    r"|flatten\w*|elevat\w*|copd|obstructive|asthma\w*|tubercul\w*|tb|sarcoid\w*|histoplasm\w*|congest\w*|engorge\w*"
    r"|heart failure|failure|chf|cephali[sz]ation|redistribut\w+|markings?|crowding|midline|shift\w*|deviat\w*"
    r"|thymus|thymic|azygos|svc|vena cava|cava\w*|carina\w*|atri(?:um|al|a)|ventric\w*|coronary|jugular|subclavian"
    r"|anterior|posterior|extremit\w+|pelvi\w+|hips?|knees?|cartilage|demineral\w+|lucency of the bone|body|bodies"
    r"|bronchi\w*|interstitium|air trapping|free air|gas|fat pads?|fat|pads?|stones?|gallstones?|nipple|hernia repair"
    r"|lytic|blastic|quadrant|intact|junction|external|old)\b"
)
# The marks by which published reports hide identifying words.
_HIDDEN = re.compile(r"\bx\s?xx+\b|\bxx+\b|_{3,}")

_KINDS: tuple[tuple[ViolationKind, re.Pattern[str], str], ...] = (
    ("device", _DEVICE, "names a device or an operation"),
    ("history", _HISTORY, "tells of the patient"),
    ("recommendation", _RECOMMENDATION, "recommends or refers"),
    ("modality", _MODALITY, "tells of a view, a technique or another examination"),
    ("outside", _CAUSE, "gives a cause"),
    ("comparison", _COMPARISON, "compares with an earlier examination"),
    ("outside", _ELSEWHERE, "lies outside the 14 findings"),
    ("outside", _HIDDEN, "hides what was written"),
)


class Surrounding(NamedTuple):
    """Words that lie outside the 14 findings.

    Attributes:
        kind: of what they speak.
        what: that, in words that follow them: "tells of the patient".
        start, end: their place in the sentence.
    """

    kind: ViolationKind
    what: str
    start: int
    end: int


def surroundings_in(lowered: str) -> Iterator[Surrounding]:
    """All words of a sentence in lower case that lie outside the 14 findings, kind by kind."""
    for kind, pattern, what in _KINDS:
        for found in pattern.finditer(lowered):
            yield Surrounding(kind, what, found.start(), found.end())
