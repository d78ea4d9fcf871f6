"""How far a heatmap can be trusted, in words."""

from core.classifier.reliability import HeatmapReliability


def reliability_in_words(reliability: HeatmapReliability) -> str:
    """One sentence for the reviewer: how often such heatmaps point at what radiologists boxed, and what that is worth.

    Without the second half a large organ would look well found: a heart is hit by pointing anywhere near the middle.
    """
    n = reliability.n_images
    radiographs = "1 radiograph" if n == 1 else f"{n} radiographs"
    share = reliability.pointing_game
    sentence = f"In {round(share * n)} of {radiographs} ({share:.0%}) the heatmap peaked inside the radiologist's box"
    if reliability.usual_place is None:
        return f"{sentence}."
    return f"{sentence}; pointing blindly at the finding's usual place hits {reliability.usual_place:.0%}."
