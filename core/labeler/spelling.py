"""Typing errors in the words that name findings or decide about them.

A word is mended where it lies within one or two edits (insertion, deletion, substitution, exchange of neighbours; the
distance of Damerau, Comm ACM 1964, as optimal string alignment) of one word of the vocabulary, and where it is no
other word itself.
"""

from functools import lru_cache

from core.labeler.wordlists import words_of

# Words whose misspelling would hide a finding or turn it round.
_FINDINGS = words_of(
    "atelectasis atelectases atelectatic cardiomegaly consolidation consolidations edema oedema effusion "
    "effusions emphysema emphysematous fibrosis fibrotic hernia hernias hiatal hiatus infiltrate infiltrates "
    "infiltration nodule nodules pneumonia pneumonias pneumothorax pneumothoraces pleural pleura thickening "
    "thickened hemothorax hydropneumothorax"
)
_CUES = words_of(
    "enlarged enlargement cardiac evidence without excluded exclude possible probable probably suspected resolved "
    "unchanged negative absent opacity opacities collapse silhouette"
)
VOCABULARY = _FINDINGS | _CUES
# Words of their own that lie near one of the vocabulary.
_OTHERS = words_of(
    "empyema diffusion infusion infusions perfusion profusion transfusion suffusion confusion effusive diffusions "
    "perfusions module modules modular modulus nodular nodes noodle enema eczema anemia enemas infiltrated "
    "infiltrating infiltrative infiltrations filtration filtrate filtrates fibroid fibroids fibrous fibroses "
    "fibroma hernial herniate herniated herniates herniation consolation consolidated consolidative consolidating "
    "consultation pneumonic pneumonitis pneumatic thicken thickens thickness thinning thinking collapsed "
    "collapses enlarge enlarges enlarging cardia cardio cardial carinal caudal resolves resolve resolving "
    "dissolved revolved exclusive excludes excluding included include occluded secluded concluded suspect "
    "suspects respected inspected expected possibly passible plausible probability portable provable proximal "
    "absence abscess advent negatives opaque capacity opacify clavicle vacant evidenced evident evidences evince "
    "silhouettes changed mediastinal hemothoraces pneumothoracic hilar neural engorgement engorged hemithorax "
    "hemithoraces reserved exceeded fibrosus suspended opacified fiberoptic negation cardigan"
)
_SHORTEST = 5
_LONG = 7
# A word, its letters, and how many edits it allows.
_Known = tuple[str, frozenset[str], int]


def _near() -> dict[tuple[str, int], tuple[_Known, ...]]:
    """For a first letter and a length the words that begin with it and whose length is near enough."""
    table: dict[tuple[str, int], list[_Known]] = {}
    for known in sorted(VOCABULARY):
        for length in range(max(len(known) - 2, _SHORTEST), len(known) + 3):
            allowed = 2 if length >= _LONG and known in _FINDINGS else 1
            if abs(length - len(known)) <= allowed:
                table.setdefault((known[0], length), []).append((known, frozenset(known), allowed))
    return {key: tuple(entries) for key, entries in table.items()}


_NEAR = _near()


@lru_cache(maxsize=100_000)
def mended(word: str) -> str:
    """The word of the vocabulary that a misspelt word in lower case stands for; the word itself where there is none.

    >>> mended("pnuemothorax"), mended("perfusion")
    ('pneumothorax', 'perfusion')
    """
    if len(word) < _SHORTEST or word in VOCABULARY or word in _OTHERS or not word.isalpha():
        return word
    near = []
    letters = frozenset(word)
    for known, known_letters, allowed in _candidates(word[0], word[1], len(word)):
        if len(letters ^ known_letters) <= 2 * allowed:
            distance = _distance(word, known)
            if distance <= allowed:
                near.append((distance, known))
    return min(near)[1] if near else word


@lru_cache(maxsize=10_000)
def _candidates(first: str, second: str, length: int) -> tuple[_Known, ...]:
    """Words of nearly the same length; the first letter is rarely wrong, but may change places with the second."""
    found = _NEAR.get((first, length), ())
    if second != first:
        found += tuple(entry for entry in _NEAR.get((second, length), ()) if entry[0][1] == first)
    return found


def _distance(one: str, other: str) -> int:
    """Optimal string alignment distance."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, facing in enumerate(other, start=1):
            cost = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != facing))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == facing:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]
