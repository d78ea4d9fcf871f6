"""What a sentence takes for known without saying it: "the effusion", "another nodule", "no change in the mass".

A presupposition survives a denial ("no pneumonia associated with the effusion" leaves an effusion), which a reader of
negations alone does not see. See Beaver, Geurts and Denlinger, "Presupposition", Stanford Encyclopedia of Philosophy.
"""

import re
from typing import Literal

from core.reporting.guard.vocabulary import DETAIL_WORDS, FINDING_ADJECTIVES, PLACE_WORDS, word_set

Presupposition = Literal["complement", "known", "another", "host"]
"""``complement``: the denial governs something said of the finding, which itself stands; ``known``: spoken of as known,
whatever is said of it; ``another``: besides others of its kind; ``host``: beside some other finding."""

_ADJECTIVE = (
    "(?:(?:"
    + "|".join(sorted(DETAIL_WORDS | PLACE_WORDS | FINDING_ADJECTIVES))
    + r"|enlarging|growing|worsening|improving|resolving|increasing|decreasing|stable|unchanged|previous(?:ly)?"
    r"|prior|old|new"
    r"|known|seen|described|noted|reported|existing|pre-?existing|underlying|associated|collapsed|enlarged|same|mentioned"
    r"|pulmonary|pleural|lung|hiatal)[ -])"
)
_DETERMINER = (
    r"(?:the|this|that|these|those|its|their|his|her|said|aforementioned|patient's|known|pre-?existing|existing|such)"
)
_KNOWN = re.compile(rf"\b(?:{_DETERMINER}|both|no longer(?: any| an?)?) {_ADJECTIVE}{{0,6}}$")
_LEFT = re.compile(
    r" (?:remains?|persists?|lingers|recurs|(?:is|are) (?:left|no longer))\b(?! (?:possible|suspected|clear|a ))"
)
# "The question of pneumonia" and "the lungs" bind other nouns; these end in the finding itself.
_LASTING = re.compile(
    r"\b(?:residual|persist(?:ent|ing)|recurr(?:ent|ing)|remaining|resolving|resolved|improving|improved|worsening|worsened"
    r"|enlarging|enlarged|growing|increasing|increased|decreasing|decreased|progressive|progressing|stable|unchanged"
    rf"|long-?standing|old|known|previous|prior|evolving|healing|treated) {_ADJECTIVE}{{0,3}}$"
)
_ANOTHER = re.compile(
    rf"\b(?:another|additional|further|other|(?:a |the )?(?:second|third|larger|smaller|bigger|largest"
    rf"|smallest)|more|new(?:ly)?|extra|fresh)"
    rf" {_ADJECTIVE}{{0,3}}(?:(?:areas?|foc(?:us|i)|patch(?:es)?|regions?|sites?|zones?|pockets?) of"
    rf" {_ADJECTIVE}{{0,3}})?$"
)
_HOST = re.compile(
    r"\b(?:associated|accompanying|adjacent|underlying|overlying|superimposed|coexist(?:ing|ent)|concomitant|related"
    rf"|surrounding|secondary|reactive|parapneumonic|post-?obstructive|complicating) {_ADJECTIVE}{{0,3}}$"
)
_EXCEPTED = re.compile(
    r"[^,;]*\b(?:besides|other than|apart from|aside from|except(?: for)?|beyond|in addition to|but for)"
    r" (?:(?:the|this)(?: \w+)? ones?|(?:that|those)(?: \w+)? ones?|that|those)\b"
)
# "No nodule except in the right upper zone."
_EXCEPTED_PLACE = re.compile(
    r"[^,;]*\b(?:except(?:ing)?(?: for)?|other than|apart from|aside from|besides|but for|save for|outside)"
    r"(?: (?:in|at|on|over))? (?:the )?(?:" + "|".join(sorted(PLACE_WORDS)) + r")\b"
)
_NEGATION = re.compile(
    r"\b(?:no(?! longer| doubt| question)|not|without|neither|nor|never|nothing|none|cannot|absent|absence of|free of"
    r"|negative for|lacks?|devoid of|n't)\b"
)
_BREAK = re.compile(r"[;]|\b(?:but|however|although|though|while|whereas)\b")
_ARTICLE = rf"(?:the |an? |any |this |that |its |their |one |known )?{_ADJECTIVE}{{0,6}}"
# Between a denied noun and a finding that stands.
_RELATION = re.compile(
    r"\b(?:associat(?:ed|ion) with|accompan(?:ying|ied by|ies|y)|(?:un)?related to|secondary to|due to|caused"
    r" by|resulting from"
    r"|attributable to|attributed to|complicat(?:ing|es|e)|adjacent to|next to|near|beside|besides|alongside|around"
    r"|surrounding|beneath|below|above|behind|under|underlying|overlying|beyond|within|inside|in addition to|other than"
    r"|apart from|aside from|except(?: for| in)?|despite|following|after|superimposed (?:on|upon)|along with"
    r"|together with"
    r"|to (?:explain|account for)|explain(?:ing|s)|separate from|(?:distal|proximal|close|peripheral|contiguous) to"
    r"|as a result of|in the (?:setting|presence|context|region|area|vicinity|bed) of|obscur(?:ing|es|ed by)"
    r"|compress(?:ing|es|ed by)|displac(?:ing|es|ed by)|touch(?:ing|es)|abutting|extending from|arising from"
    rf"|contribut\w+ to|on top of|beyond) (?:that of )?{_ARTICLE}$"
)
# "No cavitation of the mass": of what does the noun speak?
_NOUN_OF = re.compile(rf"\b(?P<noun>[a-z-]+) (?P<preposition>of|in|from|to|for|by|into|with|on|at) {_ARTICLE}$")
_EMPTY_NOUNS = word_set("""
    evidence sign signs suggestion suggestions indication indications finding findings feature features focus foci
    area areas region regions zone zones patch patches pocket pockets trace traces hint amount degree collection
    collections appearance appearances manifestation manifestations stigmata suspicion concern concerns concerning
    possibility likelihood question suspicious suggestive indicative consistent compatible typical characteristic
    diagnostic worrisome negative free clear devoid absence presence lack rid form forms type types kind kinds case
    cases picture pattern demonstration proof layer rim radiographic stigma appreciable visible present seen
    identified noted visualized demonstrated shown detected found keeping line terms favor favour support suspected
    attributed due secondary related right left lung lungs field fields lobe lobes base bases apex apices side sides
    chest hemithorax pleura opacity opacities density densities shadow shadowing lesion lesions fluid air
    consolidation infiltrate infiltrates disease process processes abnormality cause or and addition quantity
    quantities element
""")
_LIVING_NOUNS = word_set("""
    change changes increase decrease progression worsening improvement recurrence reaccumulation enlargement growth
    expansion extension resolution clearing loculation loculations cavitation calcification component complication
    complications size extent margin margins part portion remainder rest cause explanation source sequela sequelae
    drainage layering shift displacement compression bullae bulla bronchogram bronchograms effect rupture collapse
    spread regression evolution alteration difference variation fluctuation
""")


def presupposition(lowered: str, start: int, end: int) -> Presupposition | None:
    """What a sentence takes for known of a finding that it names; None where it takes nothing.

    Args:
        lowered: the sentence in lower case.
        start, end: place of the words that name the finding.
    """
    before = lowered[:start]
    scope = max((found.end() for found in _BREAK.finditer(before)), default=0)
    denials = list(_NEGATION.finditer(before, scope))
    excepted = _EXCEPTED_PLACE.match(lowered, end)
    if excepted and (denials or _NEGATION.search(excepted[0])):
        return "complement"
    if denials and _governed(before[denials[-1].end() :]):
        return "complement"
    # The heart is always there: only a finding can be taken for known.
    organ = lowered.startswith(("heart", "cardiac", "cardio"), start) and not lowered.startswith("cardiomegaly", start)
    if not organ and (_KNOWN.search(before) or _LASTING.search(before) or _LEFT.match(lowered, end)):
        return "known"
    # "No pneumothorax besides the known one."
    if denials and _EXCEPTED.match(lowered, end):
        return "known"
    if _ANOTHER.search(before):
        return "another"
    if _HOST.search(before):
        return "host"
    return None


def _governed(between: str) -> bool:
    """Whether the words between a denial and a finding name something else that is denied."""
    if found := _RELATION.search(between):
        # "No associated effusion" denies the effusion; "no air associated with the effusion" does not.
        return any(
            word not in ("evidence", "of", "any", "sign", "signs", "is", "are", "seen", "an", "a", "the", "definite")
            for word in re.findall(r"[a-z]+", between[: found.start()])
        ) or found[0].startswith(("in addition", "other than", "apart", "aside", "except", "besides", "beyond"))
    if found := _NOUN_OF.search(between):
        noun = found["noun"]
        return noun in _LIVING_NOUNS or (
            found["preposition"] in ("of", "from") and noun not in _EMPTY_NOUNS and _is_noun(noun)
        )
    return False


def _is_noun(word: str) -> bool:
    # Published reports hide words as "XXXX".
    return not word.endswith(("ly", "ing", "ed")) and not word.startswith("xx") and word not in DETAIL_WORDS
