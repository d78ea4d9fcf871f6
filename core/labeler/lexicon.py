"""The words for each observation in a chest radiograph report.

Terms were collected from the radiologic vocabulary, from the phrase lists of NegBio (Peng et al., AMIA Informatics
2018) and CheXpert (Irvin et al., AAAI 2019) as their papers describe them, and from the reports of the R2Gen train
studies of Open-i, including the misspellings that occur there. Text is matched in lower case.

An observation is one of the 14 findings, or one of the further names below, which CheXpert-14 needs.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush

from core.labeler.elsewhere import accompanies, is_elsewhere
from core.labeler.observations import (
    CONGESTION,
    DEVICE,
    ENLARGED_MEDIASTINUM,
    FRACTURE,
    INFECTION,
    LESION,
    OPACITY,
    PLEURAL_OTHER,
)
from core.labeler.subjects import stated_in

_ADJECTIVES = r"(?:entire |whole |left |right |upper |middle |lower |and )*"
_SILHOUETTE = r"(?:heart|cardiac) (?:silhouette|shadow|contours?)"
# Each entry: the observations that the words name, letters of which at least one run is in every match (looking for
# these first makes the labeler four times as fast), and the words. Earlier entries win over later ones, so that words
# that only look like a finding ("pericardial effusion", "mass effect") come first and name nothing.
_TERMS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (),
        ("effus", "fluid", "emphys", "mass", "fib"),
        (
            r"(?:sub[- ]?cutaneous|soft tissue|mediastinal|chest wall|orbital|surgical)\s+(?:air and )?emphysema\w*",
            r"mass effects?|mass index|fibrous dysplasia|cystic fibrosis|atrial fib\w+|myelofibrosis",
        ),
    ),
    (
        ("Effusion", "Pneumothorax"),
        ("thora",),
        (r"hydro[- ]?pneumo[- ]?thora\w+", r"ha?emo[- ]?pneumo[- ]?thora\w+"),
    ),
    (
        ("Atelectasis",),
        ("atelec", "atalec", "atelct", "ateletc", "atlect", "collaps"),
        (
            r"atelec\w*|atalec\w*|atelct\w*|ateletc\w*|atlect\w*",
            # As a noun it is that of a lung, unless another organ is named.
            r"collapse\b(?! of (?:the )?(?:[a-z0-9]+ )?(?:vertebra\w*|airways?|patient|trachea))",
            rf"collapsed {_ADJECTIVES}(?:lungs?|lobes?)",
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
            r"(?:enlarged|large|dilated|big)(?:,? (?:and |but )?(?:appearing|unchanged|stable|globular|persistent))*"
            rf" (?:{_SILHOUETTE}|heart)",
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
            r"pleural (?:space )?(?:fluid|liquid)(?: collection)?s?",
            # "Fluid tracks along the fissure"; the other way round it is looked for by _in_pleura.
            r"free fluid(?= (?:on|in|at|over) (?:the )?(?:left|right|both|either|bases?)\b)",
            r"fluid(?=(?: [a-z-]+){1,6}? (?:fissures?|pleural? (?:space|cavit|recess)|costophrenic|hemithora))",
        ),
    ),
    (("Emphysema",), ("emphys", "emphes", "emphyema"), (r"emphys\w*|emphes\w*|emphyema\w*",)),
    (
        ("Fibrosis",),
        ("fibro",),
        (
            r"fibros[ei]s|fibrotic|fibro[- ]?nodulosis",
            r"fibroc[a-z]*(?:al|ic) (?:change|scar)\w*|fibrocalcific",
        ),
    ),
    (("Hernia",), ("herni", "stomach"), (r"herni\w*|intrathoracic stomach",)),
    (("Infiltration",), ("infil", "infitrat"), (r"infiltrat\w*|infiltate\w*|infilrat\w*|infliltrat\w*|infitrat\w*",)),
    (("Mass", LESION), ("mass",), (r"mass(?:es)?\b(?![- ]?like)",)),
    (("Nodule", LESION), ("nodul", "noduel"), (r"(?:micro)?nodules?\b|noduels?|nodulues?|fibro-?nodul\w+",)),
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
        ("thora", "throa", "ptx", "air"),
        (
            r"pneumo?\s?-?thora(?:x|xes|ces|cis|c)\w*|pneumotho?races",
            r"pneumothroax|penumothorax|pnuemothorax|pneunothorax|pneomothorax|ptx\b",
            r"pleural air(?: collection)?",
            r"(?<!-)air(?=(?: [a-z]+){1,4}? (?:pleural (?:space|cavit)))",
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


# "The pleural space contains fluid", "pleural spaces are free of fluid", and the same of air.
_PLEURA = re.compile(
    r"\b(?:pleural? (?:space|cavit|recess)\w*|fissures?|costophrenic \w+)\b[^.;:]{1,50}?\b(?P<what>fluid|air)\b(?!-)"
)


def terms_in(sentence: str) -> list[Term]:
    """Find the observations that a sentence in standard wording names, from left to right."""
    places: set[int] = set()
    places.update(*map(_places_of, sentence.split()))
    found = [
        (match.start(), place, match.end()) for place in places for match in _EXPRESSIONS[place].finditer(sentence)
    ]
    terms: list[Term] = []
    taken = 0
    away: int | None = None  # the end of a term that lies elsewhere
    heapify(found)
    while found:
        start, place, end = heappop(found)
        if start >= taken:
            taken = end
            observations = _TERMS[place][0]
            if not observations:
                continue
            if is_elsewhere(observations, sentence, start, end) or (
                away is not None and accompanies(sentence[away:start])
            ):
                away = end
            else:
                terms.append(Term(observations, start, end))
        # "pleural fluid or thickening": the words that are still free may name the observation by themselves.
        elif end > taken and (again := _EXPRESSIONS[place].search(sentence, taken)):
            heappush(found, (again.start(), place, again.end()))
    further = [Term(one.observations, one.start, one.end, one.there) for one in stated_in(sentence)]
    further += _in_pleura(sentence)
    if further:
        terms += [term for term in further if not any(_overlap(term, other) for other in terms)]
        terms.sort(key=lambda term: term.start)
    return terms


@lru_cache(maxsize=100_000)
def _places_of(word: str) -> tuple[int, ...]:
    """The entries of the table that a word may belong to."""
    return tuple({place for needle, place in _NEEDLES if needle in word})


def _in_pleura(sentence: str) -> list[Term]:
    if "fluid" not in sentence and " air" not in sentence:
        return []
    return [
        Term(("Effusion",) if found["what"] == "fluid" else ("Pneumothorax",), found.start("what"), found.end("what"))
        for found in _PLEURA.finditer(sentence)
    ]


def _overlap(one: Term, other: Term) -> bool:
    return one.start < other.end and other.start < one.end
