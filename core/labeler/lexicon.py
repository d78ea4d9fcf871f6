"""The words for each observation in a chest radiograph report.

Terms were collected from the radiologic vocabulary, from the phrase lists of NegBio (Peng et al., AMIA Informatics
2018) and CheXpert (Irvin et al., AAAI 2019) as their papers describe them, and from the reports of the R2Gen train
studies of Open-i, including the misspellings that occur there. Text is matched in lower case.

An observation is one of the 14 findings, or one of the further names below, which CheXpert-14 needs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

ENLARGED_MEDIASTINUM = "Enlarged_Cardiomediastinum"
OPACITY = "Lung_Opacity"
LESION = "Lung_Lesion"
CONGESTION = "Pulmonary_Congestion"
PLEURAL_OTHER = "Pleural_Other"
FRACTURE = "Fracture"
DEVICE = "Support_Devices"
INFECTION = "Infection"

_ADJECTIVES = r"(?:entire |whole |left |right |upper |middle |lower |and )*"
_SILHOUETTE = r"(?:heart|cardiac) (?:silhouette|shadow|contours?)"
# Each entry: the observations that the words name, letters of which at least one run is in every match (looking for
# these first makes the labeler four times as fast), and the words. Earlier entries win over later ones, so that words
# that only look like a finding ("pericardial effusion", "mass effect") come first and name nothing.
_TERMS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (),
        ("effus", "fluid", "emphys", "mass", "nod", "herni", "edema", "swelling", "fib", "collapse"),
        (
            r"(?:peri[- ]?cardial|joint|knee|middle ear) (?:fluid|(?:[a-z]+ )?effus+ions?)",
            r"(?:sub[- ]?cutaneous|soft tissue|mediastinal|chest wall|orbital)\s+(?:air and )?emphysema\w*",
            r"mass effect|(?:body|bone|muscle|ventricular) mass|mass index",
            r"(?:breast|abdominal|pelvic|renal|hepatic|soft tissue|muscle|bowel) mass(?:es)?",
            r"(?:thyroid|breast|schmorl'?s?|adrenal|skin|subcutaneous|lymph) nod(?:ule|e)s?",
            r"(?:inguinal|ventral|umbilical|incisional|dis[ck]|femoral|abdominal wall) herni\w+|herniat\w+ dis[ck]s?",
            r"(?:soft tissue|peripheral|pedal|ankle|leg|cerebral|subcutaneous|bone marrow) (?:o?edema|swelling)",
            r"fibrous dysplasia|cystic fibrosis|atrial fib\w+|myocardial fibrosis",
            r"(?:vertebral|compression|tracheal|cardiovascular) (?:body )?collapse",
        ),
    ),
    (
        ("Effusion", "Pneumothorax"),
        ("thora",),
        (r"hydro[- ]?pneumo[- ]?thora\w+", r"hemo[- ]?pneumo[- ]?thora\w+"),
    ),
    (
        ("Atelectasis",),
        ("atelec", "atalec", "atelct", "ateletc", "atlect", "collaps"),
        (
            r"atelec\w*|atalec\w*|atelct\w*|ateletc\w*|atlect\w*",
            r"(?:lobar|lobe|pulmonary|lung|lingular) collapse",
            rf"collapse of (?:the )?{_ADJECTIVES}(?:lungs?|lobes?|lingula)\b",
            rf"collapsed {_ADJECTIVES}(?:lungs?|lobes?)|(?:lung|lobe) (?:is |has |are )?collapsed",
        ),
    ),
    (
        ("Cardiomegaly",),
        ("cardi", "heart"),
        (
            r"cardio-?meg\w*",
            r"(?:enlargement|dilatation|dilation|increase in(?: the)? size) of (?:the )?"
            rf"(?:{_SILHOUETTE}|heart(?! valve))",
            r"(?:cardiac|heart) (?:silhouette |shadow )?enlargement|(?:increased|large) (?:heart|cardiac) size",
            r"increase in (?:the )?(?:heart|cardiac)(?: silhouette)? size",
            rf"(?:enlarged|large|dilated|big)(?: appearing)? (?:{_SILHOUETTE}|heart)",
            r"globular (?:heart|cardiac silhouette)",
            rf"borderline (?:(?:heart|cardiac)(?: silhouette)? size|{_SILHOUETTE}|heart)\b",
        ),
    ),
    (
        (ENLARGED_MEDIASTINUM,),
        ("mediastin",),
        (
            r"(?:enlargement|widening) of (?:the )?(?:[a-z]+ )?(?:cardio ?-?)?mediastin(?:um|al)\b",
            r"(?:enlarged|widened|wide) (?:[a-z]+ )?(?:cardio ?-?)?mediastin(?:um|al)\b",
            r"mediastinal (?:widening|enlargement)",
        ),
    ),
    (("Consolidation",), ("consol", "consild"), (r"consoli\w*|consildat\w*|consolation",)),
    (("Edema",), ("edema", "odema", "edmea"), (r"o?edema(?:tous)?|odema|edmea",)),
    (
        ("Effusion",),
        ("fus", "effuison", "effsuion", "thora", "empyema", "fluid", "liquid"),
        (
            r"pleural(?: or pericardial)? (?:[a-z]+ )?ef+us+i+on?s?",
            r"ef+us+ions?|effuison|effsuion",
            r"hydrothora\w+|h[ae]*mothora\w+|chylothora\w+|empyema",
            r"pleural (?:space )?(?:fluid|liquid)(?: collection)?s?|fluid in the (?:[a-z]+ )?pleural space",
        ),
    ),
    (("Emphysema",), ("emphys", "emphes", "emphyema"), (r"emphys\w*|emphes\w*|emphyema\w*",)),
    (
        ("Fibrosis",),
        ("fibro",),
        (
            r"fibros[ei]s|fibrotic|fibro[- ]?nodul\w+",
            r"fibroc[a-z]*(?:al|ic) (?:change|scar)\w*|fibrocalcific",
        ),
    ),
    (("Hernia",), ("herni", "stomach"), (r"herni\w*|intrathoracic stomach",)),
    (("Infiltration",), ("infil", "infitrat"), (r"infiltrat\w*|infiltate\w*|infilrat\w*|infliltrat\w*|infitrat\w*",)),
    (("Mass", LESION), ("mass",), (r"mass(?:es)?\b(?![- ]?like)",)),
    (("Nodule", LESION), ("nodul", "noduel"), (r"(?:micro)?nodules?\b|noduels?|nodulues?",)),
    (
        (LESION,),
        ("mass", "nodul", "lesion"),
        (
            r"mass-?\s?like (?:opac\w+|densit\w+|lesion|consolidation)",
            r"nodul\w+(?:[- ]like)? (?:[a-z]+ )?(?:opac\w+|densit\w+|lesions?|foc(?:us|i)|shadows?)",
            r"(?:lung|pulmonary|cavitary) lesions?",
        ),
    ),
    (
        ("Pleural_Thickening", PLEURAL_OTHER),
        ("thick", "cap"),
        (
            r"(?:pleura[l]?|pleuro-?\s?parenchymal|fissural|(?:bi)?apical(?: cap)?)(?: (?:and|or|/) ?[a-z]+)?"
            r"(?:[- ]based)? ?/?(?:[a-z]+ ){0,2}?thick[ei]n?ing",
            r"thick[ei]n?ing of (?:the )?(?:[a-z]+ ){0,2}?(?:pleura\w*|fissures?)",
            r"thickened (?:[a-z]+ )?(?:pleura|fissures?)",
            r"pleural(?: apical)? cap(?:ping|s)?|apical (?:pleural )?cap(?:ping|s)?",
            # "loculated fluid or thickening"
            r"(?:(?<=effusion or )|(?<=effusions or )|(?<=fluid or )|(?<=effusion/)|(?<=effusion and/or )"
            r"|(?<=effusions and/or )|(?<=scarring or )|(?<=scarring/))thickening",
        ),
    ),
    (
        (PLEURAL_OTHER,),
        ("pleur", "fibrothorax"),
        (
            r"pleural (?:[a-z]+ )?(?:plaques?|scar\w*|calcification)s?",
            r"fibrothorax|pleuro-?\s?parenchymal scar\w*",
        ),
    ),
    (
        ("Pneumonia",),
        ("pneumon", "pnuemon", "pnemon", "pneumoin"),
        (r"(?:broncho)?pneumon(?:ia|ias|iae|ic|itis)\b", r"pnuemonia|pnemonia|pneumoina|pneumona\b"),
    ),
    ((INFECTION,), ("infect", "tubercul"), (r"infect(?:ion|ions|ious)\b|tuberculosis",)),
    (
        ("Pneumothorax",),
        ("thora", "throa", "ptx", "pleural air"),
        (
            r"pneumo?\s?-?thora(?:x|xes|ces|cis|c)\w*|pneumotho?races",
            r"pneumothroax|penumothorax|pnuemothorax|pneunothorax|pneomothorax|ptx\b",
            r"pleural air(?: collection)?",
        ),
    ),
    (
        (CONGESTION,),
        ("congest", "engorge", "failure", "chf", "overload", "cephal"),
        (
            r"(?:vascular|venous|pulmonary|interstitial) (?:[a-z]+ )?(?:congestion|engorgement)",
            r"congestive (?:heart failure|failure|change\w*)|heart failure|chf\b",
            r"(?:volume|fluid) overload|cephalization",
        ),
    ),
    (
        (OPACITY,),
        ("opaci", "space", "alveolar", "parenchym", "interstit"),
        (
            r"opaci\w*",
            r"(?:air[- ]?space|alveolar|parenchymal|interstitial) (?:disease|process|abnormalit\w+|densit\w+|changes?)",
        ),
    ),
    ((FRACTURE,), ("fractur",), (r"fractur\w*",)),
    (
        (DEVICE,),
        (
            "pace",
            "defib",
            "icd",
            "pump",
            "lead",
            "tub",
            "cathet",
            "picc",
            "port",
            "line",
            "swan",
            "pigtail",
            "drain",
            "stent",
            "wire",
            "valv",
            "catheter",
        ),
        (
            r"pace[- ]?makers?|defibrillator|a?icd\b|balloon pump|leads?\b(?! to)",
            r"(?:endotracheal|tracheostomy|enteric|nasogastric|orogastric|ng|og|et|feeding|dobbhoff|chest|thoracostomy"
            r"|drainage) tubes?|tubing",
            r"catheters?|picc\b|port-?a-?cath|mediport|central (?:venous )?lines?|swan[- ]ganz|pigtail|drains?\b",
            r"stents?\b|stern(?:otomy|al) wires?|(?:valve|valvular) (?:replacement|prosthesis)|prosthetic valves?",
        ),
    ),
)


@dataclass(frozen=True)
class Term:
    """Words in a sentence that name observations.

    Attributes:
        observations: what they name.
        start, end: their place in the sentence, in characters.
        states: None where the context decides; True or False where the words themselves say that it is there or not
            ("the heart is enlarged", "the heart size is normal").
    """

    observations: tuple[str, ...]
    start: int
    end: int
    states: bool | None = None


# One boundary in front of all alternatives: most places of a sentence are then passed over at once.
_EXPRESSIONS = [re.compile(rf"\b(?:{'|'.join(words)})") for _, _, words in _TERMS]
_NEEDLES = [(needle, place) for place, (_, needles, _) in enumerate(_TERMS) for needle in needles]


# The heart and the mediastinum are judged by a predicate: "the heart is mildly enlarged", "heart size normal".
_SUBJECT = re.compile(
    r"\b(?:cardio ?-?mediastin\w+|heart and mediastin\w+"
    r"|(?:heart|cardiac)\b(?! failure| valve| cath| pacemaker)"
    r"|mediastin(?:um|al)\b(?! (?:mass|lymph|adenopathy|clip|drain|shift|hernia|calcif)))"
)
_NORMAL = (
    r"not? (?:[a-z]+ ){0,2}?(?:enlarged|widened|dilated|increased|large|wide)|nonenlarged",
    r"(?:upper|top|near|high)(?:[- ]limits?)?(?: of| for)?[- ]normal",
    r"within (?:the )?(?:upper )?(?:limits?|range) of normal|within normal|(?<!not )(?:normal|unremarkable)",
)
_PREDICATE = re.compile(
    # What follows these words is said of something else.
    r"(?P<stop>\b(?:aort\w+|but|however|although|(?<!and )(?<!, )lungs?|pleur\w+|there|without|with(?! normal)(?!in)"
    r"|(?:hil\w+|vasculature|vascularity) (?:is|are)|no (?!cardio|enlarge))\b|[;:])"
    r"|(?P<borderline>\bborderline"
    r"|\b(?:upper limits?(?: of)? )?normal (?:or|to) (?:mildly|slightly|borderline|minimally))"
    rf"|(?P<normal>\b(?:{'|'.join(_NORMAL)}))"
    r"|(?P<enlarged>\b(?:enlarged|enlargement|large|dilated|increased|big|widen\w*|wide)\b)"
)
# How far a predicate may stand behind its subject, in characters: "heart size, mediastinal contours and pulmonary
# vascularity are all within normal limits".
_REACH = 90
_NORMAL_BEFORE = re.compile(
    r"\b(?:normal|unremarkable)"
    r"(?: appearance of the| appearing| sized?| in size| size (?:and contour )?of the)?(?: the)? "
    r"(?P<subject>heart|cardiac|cardio ?-?mediastin\w+|mediastin\w+)"
)


def terms_in(sentence: str) -> list[Term]:
    """Find the observations that a sentence names, from left to right; ``sentence`` is in lower case."""
    found = [
        (match.start(), place, match.end())
        for place in {place for needle, place in _NEEDLES if needle in sentence}
        for match in _EXPRESSIONS[place].finditer(sentence)
    ]
    terms: list[Term] = []
    taken = 0
    heapify(found)
    while found:
        start, place, end = heappop(found)
        if start >= taken:
            taken = end
            if observations := _TERMS[place][0]:
                terms.append(Term(observations, start, end))
        # "pleural fluid or thickening": the words that are still free may name the observation by themselves.
        elif end > taken and (again := _EXPRESSIONS[place].search(sentence, taken)):
            heappush(found, (again.start(), place, again.end()))
    if "heart" in sentence or "cardi" in sentence or "mediastin" in sentence:
        terms += [term for term in _silhouettes(sentence) if not any(_overlap(term, other) for other in terms)]
        terms.sort(key=lambda term: term.start)
    return terms


def _overlap(one: Term, other: Term) -> bool:
    return one.start < other.end and other.start < one.end


def _silhouettes(sentence: str) -> Iterator[Term]:
    """What a sentence says of the size of heart and mediastinum in so many words."""
    for before in _NORMAL_BEFORE.finditer(sentence):
        yield Term(_judged(before["subject"], enlarged=False), before.start(), before.end(), states=False)
    for subject in _SUBJECT.finditer(sentence):
        predicate = _PREDICATE.search(sentence, subject.end(), subject.end() + _REACH)
        if predicate is None or predicate.lastgroup == "stop":
            continue
        enlarged = predicate.lastgroup in ("enlarged", "borderline")
        yield Term(_judged(subject[0], enlarged=enlarged), subject.start(), predicate.end(), states=enlarged)


def _judged(subject: str, *, enlarged: bool) -> tuple[str, ...]:
    """The observations that the size of ``subject`` decides.

    A normal cardiomediastinal silhouette excludes both; an enlarged one need not be the heart (as in CheXpert).
    """
    if subject.startswith(("heart and", "cardiom", "cardio")):
        return (ENLARGED_MEDIASTINUM,) if enlarged else ("Cardiomegaly", ENLARGED_MEDIASTINUM)
    return (ENLARGED_MEDIASTINUM,) if subject.startswith("mediastin") else ("Cardiomegaly",)
