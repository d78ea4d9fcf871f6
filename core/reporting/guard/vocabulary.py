"""The words that a rewritten report may use, and those that say why another word may not be used.

The guard reads with a closed vocabulary: a word that is in none of the sets here has no support in the evidence,
whatever it means, and puts its sentence ``outside``. To let the writer use a word, add it to the set it belongs to.
Words are in lower case; hyphens divide words.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What the 14 findings are called. Where the labeler does not recognise one of these words as a finding, it is said of
# something else.
FINDING_WORDS = _words("""
    atelectasis atelectases atelectatic cardiomegaly consolidation consolidations consolidative edema effusion effusions
    emphysema emphysematous enlarged enlargement fibrosis fibrotic fluid hernia infiltrate infiltrates
    infiltration mass masses nodule nodules pneumonia pneumothorax pneumothoraces thickening
""")

# Observations that are none of the 14 but follow from them: see IMPLICATIONS in statements.py.
IMPLIED_WORDS = _words("""
    infection lesion lesions nodular opacification opacifications opacities opacity
""")

# What may stand in front of them.
FINDING_ADJECTIVES = _words("""
    airspace alveolar hiatal hiatus infectious parenchymal
""")

# Parts of the chest that the evidence speaks of. The mediastinum is none of them, except in the words that
# COVERED_SILHOUETTE names: the silhouette in which the size of the heart is judged.
STRUCTURE_WORDS = _words("""
    chest thorax thoracic intrathoracic lung lungs field fields parenchyma pulmonary pleura pleurae pleural space spaces
    surface surfaces cavity cavities heart cardiac silhouette silhouettes shadow contour contours size configuration
    caliber appearance cardiopulmonary cardiothoracic cardiomediastinal hemithorax hemithoraces
""")
COVERED_SILHOUETTE = re.compile(
    r"\bcardio[ -]mediastinal\b|\b(?:cardiac|heart)(?: and |/)mediastinal (?=silhouettes?|contours?)"
)

# Where in the chest. A place may be stated where the evidence has it; "both sides" also where something is denied.
PLACE_WORDS = _words("""
    left right bilateral bilaterally sided side sides upper middle mid lower base bases basal basilar bibasal bibasilar
    apex apices apical biapical zone zones lobe lobes lingula lingular
""")

# Degrees, extents, ages and shapes. The evidence has none, so none may be said of a finding that is called. In a denial
# ("no large effusion", "no acute abnormality") they are the usual way to put it, and harmless.
DETAIL_WORDS = _words("""
    trace tiny minimal minimally minute small slight slightly mild mildly moderate moderately large marked markedly
    severe severely extensive extensively massive massively substantial substantially significant significantly
    prominent gross subtle faint dense diffuse diffusely scattered multiple multifocal numerous several few solitary
    patchy hazy streaky linear discoid platelike subsegmental segmental lobar confluent reticular rounded spiculated
    calcified noncalcified loculated layering cavitary bullous centrilobular tension compressive passive dependent
    interstitial borderline acute subacute chronic active early advanced sizable
    frank overt apparent focal
""")

# What calls a part of the chest normal or abnormal. Where the guard does not understand of what it is said, it is said
# of something that the evidence does not cover.
JUDGING_WORDS = _words("""
    abnormal abnormality abnormalities change changes clear disease limits normal normally pathology process processes
    unremarkable
""")

PLAIN_WORDS = _words("""
    a an the there is are was were be been being has have had it its this that these those which do does no not
    without nor neither either or and but both any all each other otherwise also as well at in on of over to for
    from by with within into along near against versus vs however while although though whereas except apart aside
    despite besides than seen identified noted visualized visible evident present demonstrated detected appreciated
    observed shown found absent appear appears appearing see show shows demonstrate demonstrates reveal reveals
    demonstrating showing involving overlying affecting representing reflecting reflect reflects represent
    represents suggesting evidence sign signs finding findings radiographic radiographically radiograph image
    imaging frontal view study examination negative free suspicious concerning concern suspected suspicion
    specifically consistent compatible keeping associated adjacent accompanying accompanied underlying together
    addition additionally additional remaining remainder overall typical area areas region regions collection
    collections location discrete definite definitely convincing grossly obvious discernible appreciable suggest
    suggests suggestive raise raises raising question questionable questioned may might could can cannot excluded
    exclude possible possibly possibility potential potentially uncertain equivocal unlikely unclear likely probable
    probably
""")

ALLOWED_WORDS = (
    FINDING_WORDS
    | IMPLIED_WORDS
    | FINDING_ADJECTIVES
    | STRUCTURE_WORDS
    | PLACE_WORDS
    | DETAIL_WORDS
    | JUDGING_WORDS
    | PLAIN_WORDS
)

# Between possible and certain, so neither: such a word is not used of a finding.
HALF_HEDGES = re.compile(r"\b(?:likely|probabl[ey])\b")

COMPARISON = re.compile(
    r"\b(?:unchanged|interval|compar\w+|stable|stably|stability|again|new|newly|improv\w+|worse\w*|since|prior"
    r"|previous(?:ly)?|persist\w*|increas\w+|decreas\w+|resol(?:v\w+|ution)|progress\w*|regress\w*|develop\w*"
    r"|remain(?:s|ed)?|no longer|now|current(?:ly)?|still|old|former(?:ly)?|redemonstrat\w+|recurrent|continu\w+|larger"
    r"|smaller|bigger|cleared|clearing|baseline|earlier|residual|evol\w+|enlarging|long-?standing|recent(?:ly)?|yet"
    r"|(?:no|without|any|significant|substantial) changes?|changed|healing|healed|remote|today|last|reaccumulat\w+"
    r"|re-?expan\w+)\b"
)
CAUSE = re.compile(r"\b(?:due|secondary|related|caus\w+|because)\b")
MEASUREMENT = re.compile(
    r"\d|%|\b(?:cm|mm|centimet\w+|millimet\w+|inch(?:es)?|percent|ratio|measur\w+|diameter|ml|lit(?:er|re)s?)\b"
)
DEVICE = re.compile(
    r"\b(?:pace[- ]?makers?|sternotom\w+|catheters?|clips?|wires?|hardware|prosthe\w+|valv\w+|stents?|tub(?:e|es|ing)"
    r"|lines?|ports?|port-?a-?cath|mediport|leads?|electrodes?|monitor\w*|devices?|surg\w+|post-?surgical"
    r"|post-?operative\w*|operati(?:on|ve)\w*|cabg|bypass|mastectom\w+|cholecystectom\w+|resect\w+|lobectom\w+|pneumonectom\w+"
    r"|thoracotom\w+|thoracostom\w+|implant\w*|staples?|sutures?|screws?|rods?|coils?|drains?|picc|swan|ganz|balloon"
    r"|defibrillator|a?icd|ett|ngt|tracheostom\w+|intubat\w+|support|instrumentation|arthroplast\w+|anchors?"
    r"|vertebroplast\w+|kyphoplast\w+|transplant\w*|pigtail|foreign bod(?:y|ies)|metal(?:lic)?|jewelry|artifacts?"
    r"|post-?procedur\w+|dobbhoff|ecg|ekg|telemetry|graft\w*|filter|pump)\b"
)
HISTORY = re.compile(
    r"\b(?:patients?|history|hx|h/o|s/p|status[- ]post|age|aged|years?|y/?o|elderly|male|female|m[ae]n|wom[ae]n|boy"
    r"|girl|gender|sex|he|she|his|her|mrs?|ms|cough\w*|fever\w*|febrile|pain\w*|dyspn\w+|shortness|breath|indications?"
    r"|symptom\w*|clinical(?:ly)?|smok\w+|tobacco|present(?:s|ing|ed) with|complain\w*|trauma\w*|known|diagnos\w+"
    r"|hypertens\w+|diabet\w+|cancer\w*|hypox\w+|sepsis|septic|chills|wheez\w+|hemoptysis|admi(?:ssion|tted)|hospital\w*"
    r"|pregnan\w*|obes\w+|habitus|asbestos\w*|immunocompromis\w+|occupational)\b"
)
RECOMMENDATION = re.compile(
    r"\b(?:recommend\w*|follow[- ]?(?:ups?|ing)?|advis\w+|correlat\w+|consider\w*|should|repeat\w*|further|evaluat\w+"
    r"|obtain|help(?:ful)?|biops\w+|bronchoscop\w+|thoracentes\w+|consult\w*|treat\w*|therap\w+|antibiotic\w*|drainage"
    r"|if|warrant\w*|refer\w*|please|urgent\w*|emergen\w+|immediate(?:ly)?|physicians?|doctor|provider|notif\w+"
    r"|communicat\w+|discuss\w+|telephon\w+|attention|surveillance|screening|needed|necessary|assess\w*|rule out|ensure"
    r"|confirm\w*|additional (?:views?|imaging|stud(?:y|ies))|work-?up|management|diuresis|diuretics?)\b"
)
MODALITY = re.compile(
    r"\b(?:ct|cta|hrct|tomogra\w+|mri?|magnetic|ultrasound\w*|sonogra\w+|echo\w*|pet|scan\w*|fluoroscop\w+|angiogra\w+"
    r"|mammogra\w+|lateral(?:ly)?|views|projections?|ap|pa|anteroposterior|posteroanterior|portable|upright|supine"
    r"|semi-?erect|decubitus|oblique|films?|x-?rays?|radiographs|images|rotat\w+|techni\w+|inspirat\w+|expirat\w+"
    r"|expos(?:ed|ures?)|(?:under)?penetrat\w+|contrast|doppler|motion|obtained|acquired|limited|suboptimal)\b"
)
# Traces of a language model, of markup, and of the marks by which Open-i hides identifying words.
ARTEFACT = re.compile(
    r"xx+|[*#`_|<>{}\[\]\\~^=\u2022]|^\s*[-+]\s"
    r"|\b(?:as an ai|language model|ai|model|assistant|user|prompt|sorry|apologi\w+|i|i'm|my|you|your|we|our|sure"
    r"|certainly|okay|note that|json|label(?:s|ed)?|reports?|probabilit\w+|threshold\w*|heatmap\w*|input|output"
    r"|instruction\w*|provided|based on|here (?:is|are)|http\w*|www)\b"
)
# Parts of the body on which the evidence is silent: outside like any other unknown word, but named in the message.
UNCOVERED = re.compile(
    r"\b(?:mediastin\w*|hil(?:um|a|ar|us)|perihilar|aort\w*|vascul\w*|vessels?|trachea\w*|bronch\w*|airways?"
    r"|bon(?:e|es|y)|oss[eo]\w*|skelet\w*|ribs?|spin(?:e|al)|t-spine|vertebra\w*|clavic\w*|shoulders?|stern(?:um|al)"
    r"|soft tissues?|abdom\w*|bowel|gastric|stomach|liver|diaphragm\w*|hemidiaphragm\w*|costophrenic|sulc(?:us|i)"
    r"|fissures?|esophag\w*|thyroid|breasts?|lymph\w*|adenopathy|pericard\w*|degenerat\w*|scolio\w*|fractur\w*"
    r"|granulo\w*|calcifi\w*|scar\w*|volumes?)\b"
)
