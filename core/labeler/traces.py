"""Which entries of a table of expressions a sentence may match, told by its words alone.

Each entry has traces: patterns of which one must be found inside a word, or several of which each must be found in
some word. The patterns that a word holds are looked up once in its life, so that most sentences cost one look at each
word.
"""

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

Trace = str | tuple[str, ...]
"""A regular expression that is found in one word, or several of which each is found in a word of the sentence."""
_MOST = 100_000


class Tracks:
    """The traces of a table.

    Args:
        table: for each entry its traces; one that is complete in a sentence is enough.
    """

    def __init__(self, table: Sequence[Iterable[Trace]]) -> None:
        parts = sorted({part for traces in table for trace in traces if isinstance(trace, tuple) for part in trace})
        # One bit for each entry, and above them one for each part of a trace of several.
        bits = {part: 1 << place for place, part in enumerate(parts, start=len(table))}
        patterns = [*bits.items()]
        together: list[tuple[int, int]] = []
        for entry, traces in enumerate(table):
            for trace in traces:
                if isinstance(trace, str):
                    patterns.append((trace, 1 << entry))
                else:
                    together.append((reduce(or_, map(bits.__getitem__, trace)), 1 << entry))
        self._words = _Words(patterns)
        self._entries = _Entries(len(table), together)

    def leading_on(self, words: list[str]) -> tuple[int, ...]:
        """The entries whose expressions a sentence of these words may match, in order."""
        return self._entries[reduce(or_, map(self._words.__getitem__, words), 0)]


class _Words(dict[str, int]):
    """What each word holds."""

    def __init__(self, patterns: list[tuple[str, int]]) -> None:
        super().__init__()
        self._any = re.compile("|".join(pattern for pattern, _ in patterns))
        self._patterns = [(re.compile(pattern), bit) for pattern, bit in patterns]

    def __missing__(self, word: str) -> int:
        held = 0
        if self._any.search(word):
            held = reduce(or_, (bit for pattern, bit in self._patterns if pattern.search(word)))
        if len(self) < _MOST:
            self[word] = held
        return held


class _Entries(dict[int, tuple[int, ...]]):
    """The entries to which all that the words of a sentence hold leads."""

    def __init__(self, entries: int, together: list[tuple[int, int]]) -> None:
        super().__init__()
        self._single = (1 << entries) - 1
        self._together = together

    def __missing__(self, held: int) -> tuple[int, ...]:
        led = held & self._single
        if led != held:
            for needed, entry in self._together:
                if held & needed == needed:
                    led |= entry
        entries = []
        while led:
            lowest = led & -led
            entries.append(lowest.bit_length() - 1)
            led -= lowest
        if len(self) < _MOST:
            self[held] = tuple(entries)
        return tuple(entries)
