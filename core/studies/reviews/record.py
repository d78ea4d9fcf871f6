"""The record of a review: entries that are only ever added, each sealed by a digest over all that went before.

The method is that of linked time stamps (Haber and Stornetta, J Cryptology 1991): the digest of an entry is taken over
the digest of the one before and its own content, so that any later change shows. What a chain cannot show by itself is
that its end was cut off: signed exports carry the digest of their entry and so witness all entries up to it.
"""

from collections.abc import Sequence

from core.studies.tables import Event, digest_of

START = "0" * 64
"""What stands for the digest before the first entry."""


def first_fault(events: Sequence[Event]) -> str | None:
    """What is wrong with a study's entries, given in their order, in one sentence; None where the chain holds."""
    previous = START
    for place, entry in enumerate(events, start=1):
        if entry.number != place:
            return f"Entry {place} is missing."
        if entry.digest != digest_of(entry.previous, entry.content()):
            return f"Entry {place} was changed after it was written."
        if entry.previous != previous:
            return f"Entry {place} does not follow from the one before; something was changed or taken out."
        previous = entry.digest
    return None
