"""What a word or phrase does in a sentence: one number for each kind.

Constants of a module rather than members of an enumeration, because every token of every sentence is compared with
many of them, and looking up a member takes several times as long.
"""

from typing import NewType

Kind = NewType("Kind", int)
"""One of the constants below."""

WORD = Kind(1)  # nothing of the below: a noun, an adjective, an adverb
TERM = Kind(2)  # names an observation
NO = Kind(3)  # denies the noun that follows: "no", "without", "free of"
NOT = Kind(4)  # denies what is said: "not", "cannot", "no longer", "fails to"
NONE = Kind(5)  # stands for a noun and denies it: "none", "nil"
NEITHER = Kind(6)  # denies of some that are known: "neither", "none of the"
GONE = Kind(7)  # was there and is no more: "resolved"
GOING = Kind(8)  # the same as a noun: "resolution of"
PARTLY = Kind(9)  # and yet not wholly: "nearly"
UNTIL = Kind(10)  # will be, but is not yet: "until", "pending"
SEEN = Kind(11)  # is there: "seen", "present", "developed"
ABSENT = Kind(12)  # is not there, as a predicate: "absent", "negative"
EXCLUDE = Kind(13)  # "exclude", "rule out"
EXCLUDED = Kind(14)  # "excluded", "ruled out"
HARD = Kind(15)  # "difficult to", "unable to"
UNLIKELY = Kind(16)
LESS = Kind(17)  # "less likely"
LIKELY = Kind(18)
DOUBT = Kind(19)  # puts what follows, or its subject, in doubt: "possible"
ALTERNATIVE = Kind(20)  # "versus"
EITHER = Kind(21)
THAN = Kind(22)  # "more likely than", "over"
SHOW = Kind(23)  # "shows", "demonstrates": its object is what is there
POINT = Kind(24)  # "suggest", "suspicious for": a sign of what follows
MEAN = Kind(25)  # "consistent with": as good as a diagnosis
SPOKEN = Kind(26)  # "history of", "rule out": what follows is only spoken of
PURPOSE = Kind(27)  # "to exclude", "for evaluation of"
IF = Kind(28)  # "if", "in case of"
WHETHER = Kind(29)
PAST = Kind(30)  # "had", "on the previous film"
BEFORE = Kind(31)  # "before", "previously": behind "not seen" makes it new
MISSED = Kind(32)  # "missed", "hidden"
ASSESSED = Kind(33)  # "assessed", "evaluated"
MODAL = Kind(34)  # "may", "could"
WOULD = Kind(35)  # "would"
BE = Kind(36)  # auxiliaries
VERB = Kind(37)  # finite verbs of other kinds: "persists"
DEEMED = Kind(38)  # "felt", "thought", "considered" with "to be"
EXCEPT = Kind(39)  # "other than"
ONLY = Kind(40)
NOW = Kind(41)
THE = Kind(42)
A = Kind(43)
ONE = Kind(44)
IN = Kind(45)  # prepositions of place
OF = Kind(46)
TO = Kind(47)
WITH = Kind(48)  # prepositions that bring in something else: "with", "after"
AND = Kind(49)
OR = Kind(50)
COMMA = Kind(51)
WHICH = Kind(52)
BUT = Kind(53)  # ends every scope: "but", ";", " - "
COLON = Kind(54)
PLUS = Kind(55)
MINUS = Kind(56)
QUERY = Kind(57)
