"""The words in which a report may speak of the 14 findings.

The guard reads with a closed vocabulary: where a finding is named, every word must be in one of the sets here, or name
something outside the findings (``surroundings.py``); else the words cannot be read and the sentence is refused. To let
reports use a word, add it to the set it belongs to. Words are in lower case; hyphens divide words.
"""

import re

from core.reporting.guard.case import Severity


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as they stand between blanks."""
    return frozenset(text.split())


# What the 14 findings are called. Where nothing recognises one of these words as a finding, it is said of something
# else.
FINDING_WORDS = word_set("""
    atelectasis atelectases atelectatic cardiomegaly consolidation consolidations consolidative edema oedema
    consolidated effusion effusions emphysema emphysematous enlarged enlargement fibrosis fibrotic fluid hernia hernias
    herniation infiltrate infiltrates infiltration infiltrative mass masses nodule nodules pneumonia pneumonic
    pneumothorax pneumothoraces thickening thickened collapse collapsed collapses big widened dilated infected
""")

# Observations that are none of the 14 but follow from them: see IMPLICATIONS in statements.py.
IMPLIED_WORDS = word_set("""
    infection lesion lesions nodular opacification opacifications opacities opacity opacified density densities
    shadowing shadows haze haziness tumor tumour tumors tumours neoplasm growth lump spot lucency lucencies bulla
    bullae bulge water pus blood air honeycombing meniscus whiteout
""")

# What may stand in front of them.
FINDING_ADJECTIVES = word_set("""
    airspace alveolar hiatal hiatus infectious parenchymal lobar basal pleural pulmonary lung cardiac
""")

# Parts of the chest that the evidence speaks of. The mediastinum is none of them, except in the words that
# COVERED_SILHOUETTE names: the silhouette in which the size of the heart is judged.
STRUCTURE_WORDS = word_set("""
    chest thorax thoracic intrathoracic lung lungs field fields parenchyma pulmonary pleural pleura pleurae space
    spaces surface surfaces cavity cavities heart cardiac silhouette silhouettes shadow contour contours size
    configuration caliber calibre appearance cardiopulmonary cardiothoracic cardiomediastinal hemithorax
    hemithoraces ratio volume costophrenic cardiophrenic sulcus sulci angle angles fissure fissures airspaces
    pleuroparenchymal
""")
COVERED_SILHOUETTE = re.compile(
    r"\bcardio[ -]?mediastinal\b|\b(?:cardiac|heart)(?: and |/)mediastin\w+(?= (?:silhouettes?|contours?|size))"
)

# Where in the chest. A place may be stated where the evidence has it; "both sides" also where something is denied.
PLACE_WORDS = word_set("""
    left right bilateral bilaterally sided side sides upper middle mid midlung midzone lower base bases basal
    basilar bibasal bibasilar apex apices apical biapical zone zones lobe lobes lingula lingular
""")

# Degrees, extents, ages, shapes and numbers. The evidence has none, so none may be said of a finding that is called. In
# a denial ("no large effusion", "no acute abnormality") they are the usual way to put it, and harmless.
DETAIL_WORDS = word_set("""
    trace tiny minimal minimally minute small slight slightly mild mildly moderate moderately large big marked markedly
    severe severely extensive extensively massive massively substantial substantially significant significantly
    prominent gross subtle faint dense diffuse diffusely scattered multiple multifocal numerous several few solitary
    patchy hazy streaky linear discoid platelike subsegmental segmental lobar confluent reticular rounded spiculated
    calcified noncalcified loculated loculation loculations layering cavitary cavitating cavitation cavity bullous
    centrilobular tension compressive passive dependent interstitial borderline acute subacute chronic active early
    advanced sizable sizeable frank overt apparent focal two three four five many pair cluster couple innumerable
    half thick thin abundant considerable copious pronounced striking impressive round oval ovoid irregular
    lobulated ill circumscribed partial partially incomplete
""")
# Those of them that worry no one who has been told of the finding: a small extent, a usual shape.
NEUTRAL_WORDS = word_set("""
    trace tiny minimal minimally minute small slight slightly mild mildly subtle faint patchy hazy streaky linear
    discoid platelike subsegmental segmental focal solitary borderline thin round rounded oval ovoid calcified
    noncalcified partial partially incomplete chronic interstitial apparent dependent layering centrilobular passive
    early
""")
# Words for a number of them.
COUNTING_WORDS = word_set("multiple multifocal numerous several few scattered two three four five many pair couple")
# Words for a degree, as evidence gives one: "mild" of a cardiomegaly, "small" of an effusion.
DEGREES: dict[str, Severity] = {
    **dict.fromkeys(
        word_set("trace tiny minimal minimally minute small slight slightly mild mildly borderline"), "mild"
    ),
    **dict.fromkeys(word_set("moderate moderately"), "moderate"),
    **dict.fromkeys(
        word_set(
            "large marked markedly severe severely extensive extensively massive massively substantial gross advanced "
            "sizable sizeable huge giant enormous gigantic"
        ),
        "severe",
    ),
}
# What would alarm, or lull, and that no radiograph of one finding shows by itself.
ALARMING_WORDS = word_set("""
    malignant malignancy cancer cancerous carcinoma neoplastic metastatic metastasis metastases lymphoma aggressive
    benign malign innocent harmless insignificant life threatening threatens threat critical dangerous ominous
    worrisome worrying alarming fatal lethal fulminant florid flash huge giant enormous gigantic vast complete total
    subtotal entire whole bulky necrotizing necrotising necrotic abscess gangrenous hemorrhagic haemorrhagic bloody
    purulent infected empyema complex complicated complicating septated organized organised tuberculous fungal viral
    bacterial cavitated invasive invades invading invasion destroys destructive incarcerated strangulated perforated
    ruptured rupture stage terminal overwhelming rampant catastrophic untreatable inoperable expanding fills filling
    displaces displacing displaced compresses compressing shifts shift overinflated swollen burst collapsing spreads
    spreading alarmingly worryingly worrisomely dangerously critically enormously extremely gigantically decompensated
    hypertensive granulomatous postobstructive obstructing aspiration covid
""")

# What calls a part of the chest normal or abnormal. Where the guard does not understand of what it is said, it is said
# of something that the evidence does not cover.
JUDGING_WORDS = word_set("""
    abnormal abnormality abnormalities change changes clear dry disease diseases limits normal normally pathology
    process processes unremarkable
""")

PLAIN_WORDS = word_set("""
    a an the there is are was were be been being has have had having it its this that these those which who do does
    no not without nor neither either or and but both any all each other otherwise also as well at in on of over to
    for from by with within into inside along near against versus vs however while although though whereas except
    apart aside despite besides than through throughout under below beneath behind above around beside between
    beyond next seen identified noted visualized visualised visible evident present demonstrated detected
    appreciated observed shown found absent appear appears appearing see show shows demonstrate demonstrates reveal
    reveals demonstrating showing involving involve involves overlying overlie overlies affecting affect affects
    representing reflecting reflect reflects represent represents suggesting evidence sign signs finding findings
    features radiographic radiographically radiograph image imaging frontal view study examination negative free
    suspicious concerning concern suspected suspicion specifically consistent compatible keeping associated adjacent
    accompanying accompanied accompanies accompany underlying together addition additionally additional remaining
    remainder overall typical area areas region regions part portion collection collections location position
    discrete definite definitely convincing grossly obvious discernible appreciable suggest suggests suggestive
    suggested raise raises raising question questionable questioned may might could can cannot exclude excluded
    excludes possible possibly possibility potential potentially uncertain equivocal unlikely unclear likely
    probable probably perhaps maybe suspect consideration considered favor favors favored favoured certain certainly
    clearly lie lies lying located situated projects projecting projected occupies occupying obscures obscuring
    obscured blunting blunted blunt blunts sharp extends extending contain contains containing layers one single
    just only too here further alone best described so then thus therefore none nothing ruled rule out off when
    whether essentially generally entirely completely fully appearance airless symmetrical symmetric smooth
    preserved maintained respectively elsewhere anywhere margin margins border borders picture pattern exists amount
    sharply crisp good adequate adequately satisfactory confirmed typically where them they another unilateral
    development differential atypical nonspecific wall recess recesses top what ones nonenlarged unusual radiographs
    some aspect aspects segment segments predominantly most mixed note allowing accounting given shape focus verified
    confined limited superimposed background proven confirms confirm fact indeed evidently because appearances size
    sized
""")

ALLOWED_WORDS = (
    FINDING_WORDS
    | IMPLIED_WORDS
    | FINDING_ADJECTIVES
    | STRUCTURE_WORDS
    | PLACE_WORDS
    | DETAIL_WORDS
    | ALARMING_WORDS
    | JUDGING_WORDS
    | PLAIN_WORDS
)

# Words by which a sentence speaks of what the 14 findings cover: where none of it is understood, it cannot be read.
COVERED_WORDS = (FINDING_WORDS | IMPLIED_WORDS | STRUCTURE_WORDS) - word_set(
    "chest thorax thoracic wall size ratio volume shadow contour contours field fields surface surfaces space spaces"
    " configuration caliber calibre appearance density densities angle angles enlarged enlargement big widened dilated"
    " blood air water growth spot bulge fissure fissures shadows lucency lucencies"
)
