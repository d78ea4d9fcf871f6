"""How far a heatmap can be trusted, in words."""

from core.classifier.reliability import HeatmapReliability


def reliability_in_words(reliability: HeatmapReliability) -> str:
    """One sentence for the reviewer: how often such heatmaps point at what radiologists boxed, and what that is worth.

    Without the second half a large organ would look well found: a heart is hit by pointing anywhere near the middle.
    """
    n = reliability.n_images
    radiographs = "1 radiograph" if n == 1 else f"{n} radiographs"
    sentence = (
        f"In {round(reliability.pointing_game * n)} of {radiographs} ({reliability.pointing_game:.0%}) the heatmap's "
        "peak lay inside the radiologist's box for this finding"
    )
    if reliability.usual_place is None:
        return f"{sentence}."
    return f"{sentence}; pointing at its usual place without looking would have hit {reliability.usual_place:.0%}."
