"""The closed-class words of a report sentence: what each does, not where it may stand.

Collected from the published lists of NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et al., J Biomed
Inform 2009), from what the papers on NegBio and CheXpert describe, and from the reports of the R2Gen train studies of
Open-i. How far the words reach is a matter of ``core.labeler.scopes``.
"""

from core.labeler import kinds as K
from core.labeler.kinds import Kind
from core.labeler.wordlists import phrases_of, words_of

PHRASES: dict[Kind, tuple[str, ...]] = {
    K.NO: phrases_of(
        "no | without | negative for | negative of | free of | free from | clear of | clear from | devoid of | "
        "void of | absence of | absence of any | in the absence of | lack of | lacks | lacking | rather than | "
        "instead of | denies | absent any | against | low suspicion for | low suspicion of | low probability of | "
        "low probability for | low likelihood of | little evidence of | little evidence for | little to suggest | "
        "not for | nothing | zero | non | [ ] | excludes | rules out"
    ),
    K.NOT: phrases_of(
        "not | never | cannot | can not | can't | couldn't | isn't | aren't | wasn't | weren't | doesn't | don't "
        "| didn't | hasn't | haven't | won't | no longer | fails to | failed to | fail to | failure of | failure "
        "to | by no means | in no way"
    ),
    K.NONE: phrases_of("none | nil | nothing else"),
    K.NEITHER: phrases_of("neither | none of | neither of"),
    K.GONE: phrases_of(
        "resolved | cleared | disappeared | gone | gone away | vanished | subsided | evacuated | removed | "
        "resected | excised | settled | dissipated | drained completely | drained entirely | completely drained | "
        "reabsorbed | resolve | clear up | resorbed | abated | re-expanded completely | "
        "completely re-expanded | re-expanded fully | fully re-expanded | nothing left | nothing left of it | "
        "nothing remains | nothing remaining | melted away"
    ),
    K.GOING: phrases_of(
        "resolution | clearing | clearance | disappearance | evacuation | removal | resorption | resection | "
        "reabsorption"
    ),
    K.PARTLY: phrases_of(
        "nearly | almost | partial | partially | partly | incomplete | incompletely | mostly | largely | "
        "substantial | substantially | near-total | near-complete | near total | near complete | considerable | "
        "considerably | significant | significantly | virtually"
    ),
    K.UNTIL: phrases_of(
        "until | pending | awaiting | to document | document | documenting | to ensure | ensure | toward | "
        "towards | slow | ongoing"
    ),
    K.SEEN: phrases_of(
        "definite | seen | well-seen | well-visualized | well-demonstrated | identified | visualized | visualised "
        "| evident | apparent | present | demonstrated | noted | appreciated | detected | observed | shown | "
        "found | visible | delineated | recognized | recognised | in evidence | yes | positive | confirmed | "
        "occurred | recurred | certain | exist | exists | existing | detectable | appreciable | discernible | "
        "established | proven | to be seen | identifiable | perceived | perceptible | reaccumulated | developed"
    ),
    K.ABSENT: phrases_of("absent | negative"),
    K.EXCLUDE: phrases_of("exclude | rule out | discount | dismiss | be sure of the absence of | rule-out"),
    K.EXCLUDED: phrases_of("excluded | ruled out | discounted | dismissed | refuted | out of the question"),
    K.HARD: phrases_of(
        "difficult to | hard to | unable to | impossible to | not possible to | insufficient to | inadequate to | "
        "difficult | impossible"
    ),
    K.UNLIKELY: phrases_of(
        "unlikely | improbable | disfavored | disfavoured | implausible | unlikely to be | unlikely to represent "
        "| improbable to be"
    ),
    K.LESS: phrases_of(
        "less likely | less xxxx | less ___ | less probable | less probably | less favored | less favoured | more "
        "doubtful"
    ),
    K.LIKELY: phrases_of("likely | probable | probably | most likely | more likely | more probable | surely"),
    K.DOUBT: phrases_of(
        "is suggested | are suggested | "
        "possible | have this appearance | give this appearance | account for | explain | possibly | possibility "
        "| possibilities | potential | potentially | equivocal | maybe | perhaps | presumed | presumably | "
        "presumptive | questionable | questionably | question | questioned | questions | questioning | raise | "
        "raises | raising | query | queried | suspicion | suspicions | suspect | suspected | suspects | "
        "suspecting | concern | concerns | doubtful | doubted | doubt | dubious | uncertain | unclear | unsure | "
        "not sure | not certain | conceivable | conceivably | inconceivable | indefinite | considered | consider "
        "| considers | consideration | considerations | thought of | favored | favoured | favor | favour | favors "
        "| favours | favoring | favouring | in the differential | differential | differential diagnosis | "
        "differential includes | differential considerations | i wonder | we wonder | wonder | wondering | "
        "suggestion | suggestions | hint | hints | impression of | in question | debatable | cannot be confirmed "
        "| could not be confirmed | not confirmed | unconfirmed | in the appropriate clinical setting | in the "
        "appropriate clinical context | in the appropriate setting | in the appropriate context | in the correct "
        "clinical setting | in the correct clinical context | in the right clinical setting | in the proper "
        "clinical setting | in the proper clinical context | in the right clinical context | in the right setting "
        "| cannot be assured | not be assured | mimic | mimics | mimicking | simulate | simulates | simulating | "
        "not inconceivable | not implausible | subtle suspicion of"
    ),
    K.ALTERNATIVE: phrases_of("versus | vs "),
    K.EITHER: phrases_of("either"),
    K.THAN: phrases_of("more likely than | more probable than | favored over | favoured over | >"),
    K.SHOW: phrases_of(
        "show | shows | demonstrate | demonstrates | reveal | reveals | revealed | see | identify | appreciate | "
        "detect | contain | contains | find | exhibit | exhibits | visualize | convincingly show | display | "
        "displays | recognize | feel there is | believe there is | associated with | accompanied by | complicated "
        "by"
    ),
    K.POINT: phrases_of(
        "suggest | suggests | suggesting | suggestive of | suggestive | indicate | indicates | indicating | "
        "indicative of | concerning for | concerning | worrisome for | worrisome | worry for | worrying for | "
        "suspicious for | suspicious of | suspicious | concern for | concern of | concerned for | pointing to | "
        "point to | points to | indeterminate for | equivocal for"
    ),
    K.MEAN: phrases_of(
        "consistent with | compatible with | in keeping with | representing | represent | represents | reflecting "
        "| reflect | reflects | such as | including | typical of | typical for | diagnostic of | consistent | "
        "strongly suggestive of | most suggestive of | highly suggestive of | very suggestive of | in particular "
        "| especially | notably | specifically | strongly suggests"
    ),
    K.SPOKEN: phrases_of(
        "history of | history significant for | known history of | status post | status-post | post | screening | "
        "screening for | surveillance for | risk of | risk for | risk factors for | treated for | treat for | "
        "treat as | treated as | treatment for | treatment of | therapy for | prior to | evaluate for | evaluated "
        "for | evaluation for | evaluate | evaluation of | assess for | assessed for | assess | assessment for | "
        "assessment of | look for | looking for | watch for | check for | in search of | search for | insensitive "
        "for | sensitive in detecting | sensitive for detecting | sensitive in the detection of | insensitive to "
        "| sensitivity for | sensitive for | sensitive to | correlate for | correlate with | correlate clinically "
        "for | correlation for | correlation with | correlate clinically with | obscures | obscure | obscuring | "
        "not assess | not evaluate | limits evaluation for | limits evaluation of | limits assessment of | limits "
        "detection of | limit evaluation of | limit evaluation for | requested to | recommended for | protocol "
        "for | workup for | work-up for | ordered for | sent for | prophylaxis for | prophylaxis against | "
        "examination for | exam for | concern about | clinical concern for | clinical suspicion for | clinical "
        "suspicion of | clinically suspected | follow-up for | follow up for | follow-up of possible | mode of "
        "treatment for | after resection of | after removal of | limiting evaluation of | limiting evaluation for "
        "| limiting assessment of | limits the evaluation of | limit the evaluation of | limit assessment of | "
        "limit assessment for | limit sensitivity for | limit detection of | limits the assessment of | limits "
        "sensitivity for | limited evaluation of | limited evaluation for | limited assessment of"
    ),
    K.PURPOSE: phrases_of(
        "to exclude | to further exclude | to rule out | to evaluate | to further evaluate | to assess | to "
        "evaluate for | to assess for | to confirm | to look for | to detect | for exclusion of | to better "
        "evaluate | for evaluation of | for assessment of | to differentiate | to distinguish | for further "
        "evaluation of possible | for detection of | needed to exclude | for possible | for suspected | for any"
    ),
    K.IF: phrases_of(
        "if | in case of | in the event of | unless | only if | in the case of | whenever | had there | in the "
        "setting of clinical"
    ),
    K.WHETHER: phrases_of("whether | unclear if | uncertain if | unsure if | whether or not"),
    K.PAST: phrases_of(
        "had | on outside | on a previous | on a prior | on an outside | on the outside | on an earlier | "
        "previously there was | old report | previously was | has had | there was formerly | used to have"
    ),
    K.BEFORE: phrases_of(
        "before | previously | earlier | formerly | on the prior | on the previous | on prior | on previous | on "
        "the earlier | on the last | yesterday"
    ),
    K.MISSED: phrases_of(
        "missed | overlooked | hidden | obscured | masked | undetected | occult | hiding | go undetected"
    ),
    K.ASSESSED: phrases_of(
        "can be missed | can be overlooked | can be hidden | can be obscured | assessed | evaluated | addressed | "
        "interpreted | judged | evaluable | assessable | not applicable | not evaluated | not assessed | not "
        "evaluable"
    ),
    K.MODAL: phrases_of("may | might | could"),
    K.WOULD: phrases_of("would | would be | should be expected"),
    K.BE: phrases_of(
        "can | is | are | was | were | be | been | being | am | remain | remains | remained | appear | appears | "
        "appeared | seem | seems | seemed | have been | has been | had been | does | do | did | have | has | will "
        "| must | should | there's | becomes | became | to be | appearing"
    ),
    K.VERB: phrases_of(
        "persist | persists | persisted | increased | decreased | changed | improved | worsened | progressed | "
        "grown | grew | measures | measure | layers | layer | lies | lie | extends | recurs"
    ),
    K.DEEMED: phrases_of("felt | thought | believed | deemed | judged to be | expected"),
    K.EXCEPT: phrases_of(
        "not only | except | except for | excepting | other than | apart from | aside from | save for | with the "
        "exception of | besides | but for | excluding | with exception of | beyond"
    ),
    K.ONLY: phrases_of("only | solely | merely"),
    K.NOW: phrases_of("now | currently | today | at present"),
    K.THE: phrases_of("the | this | these | those | his | her | its"),
    K.A: phrases_of("a | an | any"),
    K.ONE: phrases_of("one | ones"),
    K.IN: phrases_of(
        "in | at | on | within | over | along | near | around | through | throughout | across | into | above | "
        "below | behind | under | between | about the | inside | upon | up"
    ),
    K.OF: phrases_of("of"),
    K.TO: phrases_of("to | for"),
    K.WITH: phrases_of(
        "with | due to | related to | attributable to | after | following | from | adjacent to | by | because of "
        "| despite | beside | during | since | abutting | in relation to | as | in spite of | in a patient with | "
        "in patient with | in the setting of | like | unlike | via | regarding | from the | surrounding | in the "
        "context of | from an | next to | secondary to | explained by"
    ),
    K.AND: phrases_of("and | & | as well as | plus | with associated"),
    K.OR: phrases_of("or | / | nor"),
    K.COMMA: phrases_of(","),
    K.WHICH: phrases_of("which | who | that"),
    K.BUT: phrases_of(
        "but | however | although | though | otherwise | yet | nevertheless | while | whereas | ; | - | -- | . | "
        "because | so that | nonetheless | despite this | even though | *"
    ),
    K.COLON: (":", "=", "|"),
    K.PLUS: phrases_of("(+) | + | [x]"),
    K.MINUS: phrases_of("(-) | [-]"),
    K.QUERY: phrases_of("? | (?) | ??"),
}
OPENING = words_of(
    "there stable unchanged persistent persisting again redemonstrated mild mildly moderate moderately minimal "
    "minimally small large tiny trace chronic increased increasing decreased decreasing improved improving "
    "worsened worsening old prominent left right bilateral bibasilar bibasal biapical probable probably possible "
    "likely status scattered multiple calcified enlarged low severe slight basal basilar patchy residual known "
    "extensive massive marked subsegmental linear some several associated consistent compatible suggest suggests "
    "suggesting suggestive however otherwise interval today borderline subtle healed resolving adjacent "
    "underlying superimposed approximately about heart cardiac cardiomegaly emphysema copd lung lungs"
)
"""Words that begin a statement of its own behind a comma or an "and"."""
EVIDENCE = words_of(
    "evidence line lines sign signs suggestion suggestions indication indications finding findings focus foci "
    "area areas region regions trace traces hint amount amounts degree presence development recurrence "
    "reaccumulation formation appearance suspicion concern possibility manifestation manifestations stigmata "
    "features feature patch patches pocket pockets collection collections question criteria symptom symptoms "
    "remnant residuum residual recurrent worry layering quantity volume number type form part proof"
)
"""Nouns that hand a negation on to what their "of" or "for" brings: "no evidence of", "no area of"."""
CHANGES = words_of(
    "change changes increase decrease improvement worsening progression regression difference reduction growth "
    "enlargement deterioration"
)
"""Nouns that a denial stops at: what did not change is there."""
NEWLY = frozenset(["new", "other", "additional", "further", "another"])
"""Adjectives with which a denial goes on: "no change in the effusion or new nodule"."""
