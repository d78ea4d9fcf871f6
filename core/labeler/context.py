"""Whether a named observation is there, absent, in doubt, or only spoken of.

The method is that of NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et al., J Biomed Inform 2009):
cue words before or behind a term decide, within a scope that ends at words such as "but". What is added are comma
lists ("no effusion, mild cardiomegaly"), pseudo-cues ("no change in the effusion") and doubt between alternatives.
"""

from typing import Literal, NamedTuple

from core.labeler.cues import (
    ALTERNATIVE,
    ASSERTION,
    AUXILIARY,
    BREAK,
    CUES,
    KINDS,
    NEGATION_BREAK,
    VERB,
)

Presence = Literal["present", "absent", "uncertain", "not mentioned"]

# A post-cue further away than this, in characters, belongs to something else.
_REACH_BEHIND = 80
_REACH_ALTERNATIVE = 30


class Judgement(NamedTuple):
    """What the context says of one term.

    Attributes:
        presence: the verdict.
        cue: the words that decided, empty where nothing but the term itself did.
    """

    presence: Presence
    cue: str


class _Cue(NamedTuple):
    kind: str
    start: int
    end: int
    text: str


class Context:
    """The cues of one sentence in lower case, found once for all its terms."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.cues = [
            _Cue(KINDS[found.lastgroup or ""], found.start(), found.end(), found[0].strip())
            for found in CUES.finditer(sentence)
            if found.lastgroup != "pseudo"
        ]
        self.breaks = [found.start() for found in BREAK.finditer(sentence)] if self.cues else []
        negated = any(cue.kind == "negation_before" for cue in self.cues)
        self.negation_breaks = [found.start() for found in NEGATION_BREAK.finditer(sentence)] if negated else []

    def judge(self, start: int, end: int) -> Judgement:
        """Judge the term between two places of the sentence.

        A negation outweighs a doubt ("no opacity suspicious for pneumonia"), except where the doubt is about the
        exclusion itself ("cannot be excluded").
        """
        governing = {cue.kind: cue for cue in self.cues if self._governs(cue, start, end)}
        if cue := governing.get("doubt_behind"):
            return Judgement("uncertain", cue.text)
        for kind in ("negation_before", "negation_behind"):
            if cue := governing.get(kind):
                return Judgement("absent", cue.text)
        if cue := governing.get("spoken_before"):
            return Judgement("not mentioned", cue.text)
        if cue := governing.get("doubt_before"):
            return Judgement("uncertain", cue.text)
        return Judgement("present", "")

    def judge_stated(self, start: int, end: int, *, present: bool) -> Judgement:
        """Judge words that state the presence themselves: only a doubt can weaken "the heart is enlarged"."""
        if present:
            for cue in self.cues:
                inside = cue.kind.startswith("doubt") and start <= cue.start < end
                if inside or (cue.kind == "doubt_before" and self._governs(cue, start, end)):
                    return Judgement("uncertain", cue.text)
        return Judgement("present" if present else "absent", "")

    def _governs(self, cue: _Cue, start: int, end: int) -> bool:
        if cue.kind.endswith("_before"):
            if cue.end > start:
                # Alternatives are in doubt on both sides: "atelectasis versus infiltrate".
                return cue.text.startswith(("vs", "versus")) and self._alternative(cue, end)
            if any(cue.end <= place < start for place in self.breaks):
                return False
            if cue.kind != "negation_before":
                return True
            return not any(cue.end <= place < start for place in self.negation_breaks) and self._listed(cue, start)
        if cue.start < end:
            return False
        between = AUXILIARY.sub("", self.sentence[end : cue.start])
        return (
            len(between) < _REACH_BEHIND
            and not any(end <= place <= cue.start for place in self.breaks)
            and not VERB.search(between)
        )

    def _alternative(self, cue: _Cue, end: int) -> bool:
        between = self.sentence[end : cue.start]
        return len(between) < _REACH_ALTERNATIVE and "," not in between and not VERB.search(between)

    def _listed(self, cue: _Cue, start: int) -> bool:
        """Whether a negation reaches a term across the commas of a list."""
        between = self.sentence[cue.end : start]
        if "," not in between:
            return True
        last = None
        for last in ASSERTION.finditer(self.sentence, cue.end, len(self.sentence)):
            if last.start() < start:
                # "no effusion, small nodule or mass": an alternative further on keeps the list together.
                if not ALTERNATIVE.search(self.sentence, last.end()):
                    return False
            else:
                break
        return True
