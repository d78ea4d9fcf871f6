"""Words that decide whether a named observation is there, absent, in doubt, or only spoken of.

Collected from the published lists of NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et al., J Biomed
Inform 2009), from what the papers on NegBio and CheXpert describe, and from the reports of the R2Gen train studies of
Open-i. Each entry is a regular expression that begins at a word; text is matched in lower case.
"""

import re

_SEEN = (
    r"(?:well[- ])?(?:seen|identified|visuali[sz]ed|evident|apparent|present|demonstrated|noted|appreciated|detected"
    r"|observed|shown|suspected|suggested|found|visible|delineated|recognized|enlarged)\b"
)
_FIRM = (
    r"(?:significant|interval|appreciable|substantial|definite|obvious|large|great|real|much|major|acute|gross"
    r"|relevant|marked|new|further|other|additional)"
)
_CHANGE = r"(?:change|increase|decrease|improvement|worsening|difference|progression|evolution|alteration)\w*"
_FULLY = r"(?:be|entirely|completely|definitely|definitively|totally|absolutely|fully|certainly|reliably|confidently)"

# A change that did not happen, or only half, leaves the finding where it is.
PSEUDO = (
    rf"(?:no|without|not)(?: any)? (?:{_FIRM} ){{0,3}}{_CHANGE}(?: in(?: the)?| of(?: the)?| from)?",
    r"not (?:significantly |substantially |appreciably )?(?:changed|increased|decreased|improved|worsened|progressed)",
    r"not (?:only|all|as)\b",
    r"no doubt",
    r"no longer (?:as|so)\b",
    r"(?:almost|nearly|near|mostly|partial\w*|incomplete\w*)(?: (?:complete\w*|entire\w*|total\w*|interval))?"
    r" (?:resol\w+|clear\w+)",
    r"resolving",
    r"well[- ]seen\b",
)
DOUBT_BEHIND = (
    rf"(?:not|cannot|can't|couldn't)(?: {_FULLY}){{0,3}} (?:excluded|ruled out|discounted)",
    r"(?:difficult|hard|impossible) to (?:entirely |completely )?(?:exclude|rule out)\b(?=\W*$)",
    r"(?:is|are|be|remains?) (?:also |still |a )?(?:possible|possibilit(?:y|ies)|suspected|questioned|questionable)",
    r"(?:is|are|be|remains?) (?:also |still |a )?(?:considered|consideration|concern|favou?red)\b",
    r"in the differential",
    r"suspected(?=\W*$)",
    r"(?:may|might|could) be (?:considered|present)",
)
# Where these open a statement they govern what follows: "interval resolved pneumonia".
GONE = (r"(?:(?<=^)|(?<=interval ))(?:resolved|cleared)\b",)
NEGATION_BEHIND = (
    rf"(?:not|no longer|never|(?:is|are|was|were|has|have)n't)(?: \w+){{0,2}}? {_SEEN}",
    r"(?:resolved|cleared|disappeared)\b",
    r"(?:is|are) (?:absent|excluded|ruled out|unlikely|negative)\b",
    r"(?:unlikely|absent)\b",
)
DOUBT_BEFORE = (
    rf"(?:can ?not|can't|not|unable to|difficult to|hard to)(?: (?:{_FULLY}|used to))* (?:exclude|rule out|discount)",
    r"(?:may|might|could|maybe|perhaps|whether|unclear|vague)\b",
    r"possib(?:le|ly|ility)|potential(?:ly)?\b|equivocal|presum\w+",
    r"question(?:able|ing|ed)?\b|raises? (?:the )?(?:question|concern|suspicion|possibility)",
    r"suspicio\w+|suspect(?:ed|ing)?\b|concern\w*|worrisome for|worry for",
    # "Strongly suggestive of" is as good as a diagnosis; "suggests" alone is not.
    r"(?<!most )(?<!strongly )(?<!highly )(?<!very )suggest\w*|indicat(?:e|es|ing|ive)\b|mimic\w*|simulat\w+",
    r"in the (?:appropriate|correct|right|proper)(?: clinical)? (?:setting|context)",
    r"differential\b|consider(?:ation)?s?\b|favou?r(?:ed|ing|s)?\b|over\b(?! the| this| a|lying)",
    r"vs?\b\.?|versus",
)
SPOKEN_BEFORE = (
    r"if (?:there is|there are|clinical|symptom|persist|concern|suspicion|warrant)\w*",
    r"(?:to|for) (?:further )?(?:exclude|rule[- ]out|evaluate|assess|document|ensure|confirm)\b",
    r"rule out|r/o\b|(?:evaluat|assess)\w* (?:for|of)\b|correlat\w+(?: \w+)? (?:for|with|to)\b",
    r"limit\w* (?:the )?(?=evaluation|assessment|detection|sensitivity|visuali)|obscur(?:e|es|ing)\b",
    r"(?:do|does|did) not (?:assess|evaluate)\b|not (?:assessed|evaluated) for\b",
    r"screening|surveillance for|risk (?:of|for)|treated for|prior to",
    r"history (?:of|significant for)|hx\.? of|h/o|status[- ]post|s/p",
    # An illness of the past, unless the sentence says how it fares now.
    r"(?:previous|prior|remote)(?: active| known| treated)?(?: \w+)? "
    r"(?=(?:\w+ )?(?:pneumonia|pneumothora|tuberculo|infect|edema|atelect|consolid))"
    r"(?!.*\b(?:unchanged|stable|decreas|increas|persist|smaller|larger|again|remain|improv))",
)
NEGATION_BEFORE = (
    r"(?:no|not|without|never|neither|nor|denies)\b",
    r"(?:is|are|was|were|does|do|did|has|have)n't\b",
    r"negative (?:for|of)\b|absence of\b|free of\b|clear of\b|lack(?:s|ing)?(?: of)?\b",
    r"(?:complete |interval )*resolution of\b|resolved\b|clearing of\b|excludes?\b|rules out\b",
    r"(?:rather than|instead of)\b|non(?=[- ])",
)

# What stands first wins where two cues begin at the same place. The names end in _before where the cue governs what
# follows it, and in _behind where it governs what precedes it.
CUES = re.compile(
    r"\b(?:"
    + "|".join(
        f"(?P<{name}>{'|'.join(entries)})"
        for name, entries in (
            ("pseudo", PSEUDO),
            ("doubt_behind", DOUBT_BEHIND),
            ("gone", GONE),
            ("negation_behind", NEGATION_BEHIND),
            ("doubt_before", DOUBT_BEFORE),
            ("spoken_before", SPOKEN_BEFORE),
            ("negation_before", NEGATION_BEFORE),
        )
    )
    + r")|(?P<queried>\?(?=\w))|(?P<query>\?)|(?P<elsewhere>^on (?:an? |the )?(?:previous|prior|outside)\b)"
)
KINDS = {
    "doubt_behind": "doubt_behind",
    "gone": "negation_before",
    "negation_behind": "negation_behind",
    "doubt_before": "doubt_before",
    "spoken_before": "spoken_before",
    "negation_before": "negation_before",
    "queried": "doubt_before",
    "query": "doubt_behind",
    "elsewhere": "spoken_before",
}

_DESCRIBED = (
    r"(?:seen|noted|present|identified|stable|unchanged|again seen|demonstrated|visualized|evident|normal|clear"
    r"|unremarkable)"
)
# Where the scope of a cue in front of a term ends.
BREAK = re.compile(
    r"\b(?:but|however|although|though|except(?:ing)?|aside from|apart from|other than|otherwise|yet|nevertheless"
    r"|while|whereas|which|despite|there (?:is|are|has|have|may|remains?)|there's"
    rf"|(?:is|are|was|were|has been|have been) {_DESCRIBED}(?=,| and| with))|;|:(?!\d)|\. "
)
# Where only that of a negation ends: "no pneumothorax with small effusion" asserts the effusion, "may represent
# atelectasis with small effusion" does not.
NEGATION_BREAK = re.compile(
    r"\b(?:with (?:mild|moderate|small|minimal|stable|persistent|unchanged|chronic|increased|bilateral|left|right"
    r"|associated|adjacent|superimposed|underlying|an?\b)"
    r"|and (?:mild|moderate|minimal|stable|unchanged|persistent|chronic|there|small (?:left|right|bilateral)))\b"
)
# After a comma, words that begin an assertion of its own, so that a "no" before the comma does not reach it.
ASSERTION = re.compile(
    r",\s*(?:and )?(?:the |there|stable|unchanged|persist\w+|again|redemonstrat\w+|mild|moderate|minimal|small|large"
    r"|tiny|trace|chronic|increas\w+|decreas\w+|improv\w+|worsen\w+|new|old|prominent|heart|cardiac|left|right"
    r"|bilateral|bibasilar|biapical|probable|probably|possible|likely|status|consistent|compatible|suggest\w+"
    r"|however|otherwise|scattered|multiple|calcified|enlarged|cardiomegaly|emphysema\w*|copd|low|lung)\b"
)
ALTERNATIVE = re.compile(r"\b(?:or|nor)\b")
VERB = re.compile(r"\b(?:is|are|was|were|has|have|may|could|can|shows?|demonstrates?)\b")
# The auxiliary that belongs to the cue itself: "is [not seen]", "have [cleared]".
AUXILIARY = re.compile(r"\b(?:is|are|was|were|has|have|had)(?: been| completely| now| since| also)*\s*$")
