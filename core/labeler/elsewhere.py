"""Words that name a finding of another part of the body, or no finding at all.

"Edema of the left arm", "thyroid nodule", "effusion in the knee": what an organ outside the chest has is none of the
14 findings. "Hernia repair", "pneumonia vaccine", "mass effect": a noun behind the finding may turn it into another
thing.
"""

import re
from functools import lru_cache

from core.labeler.wordlists import words_of

# Findings whose words are used for other parts of the body, too.
_ROVING = frozenset(
    ("Edema", "Effusion", "Emphysema", "Fibrosis", "Infiltration", "Mass", "Nodule", "Hernia", "Atelectasis")
)
_ORGANS = (
    r"arms?|forearms?|legs?|ankles?|foot|feet|hands?|wrists?|elbows?|shoulders?|hips?|knees?|thighs?|cal(?:f|ves)"
    r"|limbs?|extremit\w+|joints?|brain|cerebral|cerebellar|intracranial|cranial|spinal|spine|lumbar|vertebra\w*"
    r"|t\d{1,2}|l\d|dis[ck]s?|thyroid|parathyroid|breasts?|axilla\w*|adrenals?|renal|kidneys?|hepatic|liver|splenic"
    r"|spleen|pancrea\w+|gallbladder|biliary|bladder|bowel|colon\w*|colorectal|rectal|gastric|abdom\w+|pelvi\w+"
    r"|retroperiton\w+|periton\w+|mesenter\w+|omental|inguinal|umbilical|ventral|incisional|femoral|scrot\w+"
    r"|testic\w+|ovar\w+|uter\w+|endometri\w+|prostat\w+|vulva\w*|skin|scalp|subcutaneous|cutaneous"
    r"|soft[- ]tissues?|muscles?|bones?|bony|osseous|marrow|orbit\w*|ocular|macular?|optic|corneal|retinal"
    r"|papill\w+|laryn\w+|pharyn\w+|vocal|tongue|nasal|sinus(?:es)?|dental|facial|face|neck|lymph|myocardial|atrial"
    r"|endocardial|peri-?cardial|peri-?cardium|middle ear|parotid|salivary|schmorl'?s?|conjunctival|penile|nerve|head"
)
# Further organs and words that turn one finding into another thing ...
_FURTHER: dict[str, frozenset[str]] = {
    "Atelectasis": words_of("tracheal airway airways bronchial body compression cardiovascular circulatory"),
    "Edema": words_of("peripheral pedal dependent"),
    "Emphysema": words_of("surgical mediastinal"),
    "Mass": words_of("body ventricular"),
}
# ... and those that do not: a hernia of the diaphragm brings organs of the abdomen into the chest.
_OWN: dict[str, frozenset[str]] = {
    "Hernia": words_of("bowel gastric abdominal colon colonic mesenteric omental peritoneal liver"),
    "Mass": words_of("lymph neck"),
}
_NONE: frozenset[str] = frozenset()
_ORGAN = re.compile(_ORGANS)
_ORGANS_OF_TWO_WORDS = (["soft", "tissue"], ["soft", "tissues"], ["middle", "ear"])
# Behind these the words in front of a finding belong to something else.
_DIVIDING = words_of("and or of in with no is are")
_BEHIND = re.compile(
    r"^(?: [a-z]+)?(?: is (?:seen|noted|present))? (?:in|of|at|within|to|from|on|involving|about|around)"
    r" (?:the |his |her |both |either |right |left |upper |lower |anterior |posterior |bilateral |known )*"
    rf"({_ORGANS})\b(?! (?:of the )?(?:lung|pleura))"
)
_TURNED = re.compile(
    r"^[- ](?:repairs?|mesh|surgery|operation|vaccin\w+|bundle|protocol|scores?|severity|prophylaxis|pathway|clinic"
    r"|cholecyst\w+|pyelon\w+|cystitis|gastritis|pancreatitis|effects?|index|herniorrhaphy|reduction surgery"
    r"|capacity)\b"
)
_CARCINOMA = re.compile(r"^ (?:[a-z]+ ){0,2}(?:carcinoma|tumou?r|cancer|malignan\w+|lymphoma|glioma)\b")
_COMPANION = re.compile(r"^ with (?:surrounding |associated |vasogenic |adjacent |perilesional )?$")


def is_elsewhere(observations: tuple[str, ...], sentence: str, start: int, end: int) -> bool:
    """Whether the words at ``start`` to ``end`` of a sentence in standard wording name no finding of the chest."""
    behind = sentence[end : end + 60]
    if behind and _TURNED.match(behind):
        return True
    name = observations[0]
    if name not in _ROVING:
        return False
    if name == "Infiltration" and _CARCINOMA.match(behind):
        return True
    own, further = _OWN.get(name, _NONE), _FURTHER.get(name, _NONE)
    if start and _led_by_organ(sentence[max(0, start - 40) : start], own, further):
        return True
    found = _BEHIND.match(behind) if behind else None
    return found is not None and found[1] not in own


def _led_by_organ(before: str, own: frozenset[str], further: frozenset[str]) -> bool:
    """Whether an organ stands in the two or three words in front of a finding."""
    words = before.replace("-", " ").split()
    if not words:
        return False
    last = words[-1]
    if last in further or (last not in own and _is_organ(last)) or words[-2:] in _ORGANS_OF_TWO_WORDS:
        return True
    if len(words) == 1 or last in _DIVIDING or last[-1] in ",;:":
        return False
    last = words[-2]
    return last in further or (last not in own and _is_organ(last)) or words[-3:-1] in _ORGANS_OF_TWO_WORDS


@lru_cache(maxsize=100_000)
def _is_organ(word: str) -> bool:
    return _ORGAN.fullmatch(word) is not None


def accompanies(between: str) -> bool:
    """Whether a term belongs to the one in front of it, which lies elsewhere: "brain mass with edema"."""
    return _COMPANION.match(between) is not None
