"""The words for each observation in a chest radiograph report.

Terms were collected from the radiologic vocabulary, from the phrase lists of NegBio (Peng et al., AMIA Informatics
2018) and CheXpert (Irvin et al., AAAI 2019) as their papers describe them, and from the reports of the R2Gen train
studies of Open-i, including the misspellings that occur there. Text is matched in lower case.

An observation is one of the 14 findings, or one of the further names below, which CheXpert-14 needs.
"""

import re
from heapq import heapify, heappop, heappush
from typing import NamedTuple

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
from core.labeler.subjects import SUBJECT_TRACES, stated_in
from core.labeler.traces import Trace, Tracks

_ADJECTIVES = r"(?:entire |whole |left |right |upper |middle |lower |and )*"
_SILHOUETTE = r"(?:heart|cardiac) (?:silhouette|shadow|contours?)"
_SIZES = "large|dilat|increas|big|globular|borderline"
# Each entry: the observations that the words name, traces of them, and the words. A sentence without a trace holds no
# match and is not searched, which makes the labeler many times as fast: a trace is a run of letters in one word, or
# several that must all occur (``core.labeler.traces``). Earlier entries win over later ones, so that words that only
# look like a finding ("pericardial effusion", "mass effect") come first and name nothing.
_TERMS: tuple[tuple[tuple[str, ...], tuple[Trace, ...], tuple[str, ...]], ...] = (
    (
        (),
        (
            ("emphys", "cutaneous|tissue|mediastin|wall|orbital|surgical"),
            ("mass", "effect|index"),
            ("fib", "dysplasia|cystic|atrial|myelo"),
        ),
        (
            r"(?:sub[- ]?cutaneous|soft tissue|mediastinal|chest wall|orbital|surgical)\s+(?:air and )?emphysema\w*",
            r"mass effects?|mass index|fibrous dysplasia|cystic fibrosis|atrial fib\w+|myelofibrosis",
        ),
    ),
    (
        ("Effusion", "Pneumothorax"),
        (("thora", "hydro|a?emo"),),
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
        ("cardio-?meg", ("cardiac|heart", _SIZES)),
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
        (("mediastin", "large|wid"),),
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
        ("ef+us", "effuison", "effsuion", "(?:hydro|h[ae]*mo|chylo)thora", "empyema", "fluid", "liquid"),
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
    (
        ("Nodule", LESION),
        (r"nodules?\b", "noduel", "nodulue", "fibro-?nodul"),
        (r"(?:micro)?nodules?\b|noduels?|nodulues?|fibro-?nodul\w+",),
    ),
    (
        (LESION,),
        (("mass", "like"), ("nodul", "opac|densit|lesion|foc|shadow"), ("lesion", "lung|pulmonary|cavitary")),
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
        (("pleur", "plaque|scar|calcification"), "fibrothorax"),
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
        (("thora", "pneu|penum|pnuem|pneom"), "throa", "ptx", ("air", "pleura")),
        (
            r"pneumo?\s?-?thora(?:x|xes|ces|cis|c)\w*|pneumotho?races",
            r"pneumothroax|penumothorax|pnuemothorax|pneunothorax|pneomothorax|ptx\b",
            r"pleural air(?: collection)?",
            r"(?<!-)air(?=(?: [a-z]+){1,4}? (?:pleural (?:space|cavit)))",
        ),
    ),
    (
        (CONGESTION,),
        ("congest", "engorge", ("failure", "heart|congest"), "chf", "overload", "cephal"),
        (
            r"(?:vascular|venous|pulmonary|interstitial) (?:[a-z]+ )?(?:congestion|engorgement)",
            r"congestive (?:heart failure|failure|change\w*)|heart failure|chf\b",
            r"(?:volume|fluid) overload|cephalization",
        ),
    ),
    (
        (OPACITY,),
        ("opaci", ("air|alveolar|parenchym|interstit", "disease|process|abnormal|densit|change")),
        (
            r"opaci\w*",
            r"(?:air[- ]?space|alveolar|parenchymal|interstitial) (?:disease|process|abnormalit\w+|densit\w+|changes?)",
        ),
    ),
    ((FRACTURE,), ("fractur",), (r"fractur\w*",)),
    (
        (DEVICE,),
        (
            ("pace", "maker"),
            "defib",
            "icd",
            "pump",
            r"\blead",
            r"\btube|\btubing",
            "cathet",
            "picc",
            ("port", "cath"),
            "mediport",
            ("line", "central"),
            "swan",
            "pigtail",
            r"\bdrain",
            r"\bstent",
            "wire",
            ("valv", "prosthe|replacement"),
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


class Term(NamedTuple):
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


# "The pleural space contains fluid", "pleural spaces are free of fluid", and the same of air.
_PLEURA = re.compile(
    r"\b(?:pleural? (?:space|cavit|recess)\w*|fissures?|costophrenic \w+)\b[^.;:]{1,50}?\b(?P<what>fluid|air)\b(?!-)"
)


_SUBJECTS, _PLEURAL = len(_TERMS), len(_TERMS) + 1
_TRACKS = Tracks(
    [*(traces for _, traces, _ in _TERMS), SUBJECT_TRACES, (("pleura|fissure|costophrenic", "fluid|air"),)]
)


def terms_in(sentence: str) -> list[Term]:
    """Find the observations that a sentence in standard wording names, from left to right."""
    places = _TRACKS.leading_on(sentence.split())
    if not places:
        return []
    further: list[Term] = []
    if _SUBJECTS in places:
        further += [Term(one.observations, one.start, one.end, one.there) for one in stated_in(sentence)]
    if _PLEURAL in places:
        further += _in_pleura(sentence)
    terms = _named_in(sentence, places)
    if further:
        terms += [term for term in further if not any(_overlap(term, other) for other in terms)]
        terms.sort(key=lambda term: term.start)
    return terms


def _named_in(sentence: str, places: tuple[int, ...]) -> list[Term]:
    """Matches of the entries at ``places`` of the table."""
    found = [
        (match.start(), place, match.end())
        for place in places
        if place < _SUBJECTS
        for match in _EXPRESSIONS[place].finditer(sentence)
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
    return terms


def _in_pleura(sentence: str) -> list[Term]:
    return [
        Term(("Effusion",) if found["what"] == "fluid" else ("Pneumothorax",), found.start("what"), found.end("what"))
        for found in _PLEURA.finditer(sentence)
    ]


def _overlap(one: Term, other: Term) -> bool:
    return one.start < other.end and other.start < one.end
