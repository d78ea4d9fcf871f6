"""Short forms of radiologists' notes and what they stand for."""

from core.labeler.wordlists import words_of

_FORMS = {
    # findings
    "ptx": "pneumothorax",
    "ptxs": "pneumothoraces",
    "ptxes": "pneumothoraces",
    "pneumo": "pneumothorax",
    "pna": "pneumonia",
    "pnas": "pneumonias",
    "pneum": "pneumonia",
    "atx": "atelectasis",
    "atel": "atelectasis",
    "atelect": "atelectasis",
    "eff": "effusion",
    "effs": "effusions",
    "effus": "effusion",
    "consol": "consolidation",
    "consols": "consolidations",
    "infilt": "infiltrate",
    "infilts": "infiltrates",
    "infil": "infiltrate",
    "emphys": "emphysema",
    "fibr": "fibrosis",
    "nod": "nodule",
    "nods": "nodules",
    "hh": "hiatal hernia",
    "opac": "opacity",
    "htx": "hemothorax",
    # words about them
    "w/o": "without",
    "w/out": "without",
    "wo": "without",
    "w/": "with",
    "w": "with",
    "c/w": "consistent with",
    "s/o": "suggestive of",
    "s/p": "status post",
    "r/o": "rule out",
    "h/o": "history of",
    "f/u": "follow-up",
    "n/a": "not applicable",
    "d/t": "due to",
    "b/l": "bilateral",
    "neg": "negative",
    "pos": "positive",
    "evid": "evidence",
    "poss": "possible",
    "prob": "probable",
    "susp": "suspicious",
    "equiv": "equivocal",
    "ddx": "differential diagnosis",
    "hx": "history",
    "dx": "diagnosis",
    "sm": "small",
    "mod": "moderate",
    "lg": "large",
    "lge": "large",
    "bilat": "bilateral",
    "rt": "right",
    "lt": "left",
    "r": "right",
    "l": "left",
    "rll": "right lower lobe",
    "rml": "right middle lobe",
    "rul": "right upper lobe",
    "lll": "left lower lobe",
    "lul": "left upper lobe",
    "pulm": "pulmonary",
    "pl": "pleural",
    "pleur": "pleural",
    "assoc": "associated",
    "subseg": "subsegmental",
    "bibas": "bibasilar",
    "compl": "complete",
    "unch": "unchanged",
    "incr": "increased",
    "decr": "decreased",
    "approx": "about",
}
# Words of their own, short forms only with their full stop.
_STOPPED = {
    "inc": "increased",
    "dec": "decreased",
    "min": "minimal",
    "adj": "adjacent",
    "sev": "severe",
    "def": "definite",
    "sig": "significant",
    "thick": "thickening",
    "card": "cardiac",
    "resp": "respiratory",
    "med": "mediastinal",
    "mult": "multiple",
    "post": "posterior",
    "ant": "anterior",
    "lat": "lateral",
    "prev": "previous",
    "vs": "versus",
}
WRITTEN_OUT: dict[str, str] = {**_FORMS, **{f"{short}.": long for short, long in {**_FORMS, **_STOPPED}.items()}}
"""Each short form in lower case, with its full stop where it is written so, and the words it stands for."""

_NAMES = ("dr", "mr", "mrs", "ms", "st", "prof", "fig", "no", "e.g", "i.e", "cf", "etc", "pt", "pts", "temp", "vol")
_NOUNS = words_of(
    "eff effs effus ptx ptxs pna pnas pneum pneumo atx atel atelect consol consols infilt infilts infil emphys "
    "fibr hh opac htx nod nods thick hx dx ddx rll rml rul lll lul unch"
)
# What may stand at the end of a sentence as well as inside it.
_CLOSING = _NOUNS | words_of("neg pos n/a b/l bilat rt lt r l equiv incr decr f/u resp p.m a.m etc cm mm no")
INSIDE = words_of(" ".join((*_FORMS, *_STOPPED, *_NAMES))) - _CLOSING
"""Short forms that something must follow, so that their full stop never ends a sentence."""
ENDING = _CLOSING - {"no"}
"""Short forms behind which a sentence may end: it goes on only in lower case."""
