"""The findings of the quality report in plain sentences: what must be mended, and what must be declared."""

from collections import defaultdict
from typing import Any

from core.findings import display_name

_ALIKE = 0.02
_ADVICE = {
    "source": "Report results within each source: a network can tell sources apart and learn their prevalences.",
    "view": "Report results within each view: a network can learn how sick people are imaged.",
}
_OF_FILES = (
    "Bring all images to one size and sharpness, let no property of the files reach the network, and report results "
    "within groups that are alike in it."
)


def summarise(result: dict[str, Any]) -> list[dict[str, str]]:
    """Sentences with their ``level``: ``fix`` before training, ``declare`` beside results, ``good``; in this order."""
    sentences = [
        *_on_files(result),
        *_on_duplicates(result["duplicates"]),
        *_on_patients(result),
        *_on_confounding(result["confounding"]["associations"]),
        *_on_labels(result["prevalence"]),
    ]
    if problems := len(result["problems"]):
        sentences.append(
            ("declare", f"The readers left out or mended {_count(problems, 'row or file', 'rows or files')}.")
        )
    order = {"fix": 0, "declare": 1, "good": 2}
    return [{"level": level, "text": text} for level, text in sorted(sentences, key=lambda pair: order[pair[0]])]


def _on_files(result: dict[str, Any]) -> list[tuple[str, str]]:
    files = result["files"]
    found = []
    if missing := len(files["missing"]):
        found.append(
            ("fix", f"{_count(missing, 'image is', 'images are')} missing: restore the files or drop the rows.")
        )
    if broken := len(files["unreadable"]):
        found.append(
            ("fix", f"{_count(broken, 'image', 'images')} cannot be read: replace the files or drop the rows.")
        )
    if not found:
        found.append(("good", f"All {files['examined']:,} images are there and can be read."))
    if inverted := len(files["inverted"]):
        verb = "image looks" if inverted == 1 else "images look"
        found.append(
            (
                "declare",
                f"{inverted:,} {verb} like a negative (bright air); ChestLens inverts such images when it reads them.",
            )
        )
    return found


def _on_duplicates(duplicates: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if repeated := len(duplicates["repeated_rows"]):
        found.append(
            ("fix", f"{_count(repeated, 'row names', 'rows name')} an image that another row has already named.")
        )
    if leaks := duplicates["across_splits"]:
        found.append(
            (
                "fix",
                f"{_count(leaks, 'pair of duplicates lies', 'pairs of duplicates lie')} in two splits: "
                "the test no longer measures what the network does with images it has not seen.",
            )
        )
    if strangers := duplicates["different_patients"]:
        found.append(
            (
                "fix",
                f"{_count(strangers, 'pair of duplicates carries', 'pairs of duplicates carry')} different "
                "patient ids: one person may have two ids.",
            )
        )
    if contradictions := duplicates["different_labels"]:
        found.append(
            (
                "fix",
                f"{_count(contradictions, 'pair of duplicates carries', 'pairs of duplicates carry')} "
                "different labels: look at both and correct one.",
            )
        )
    exact, near = duplicates["exact"], duplicates["near"]
    if exact or near:
        found.append(
            (
                "declare",
                f"The images hold {_count(exact, 'exact duplicate', 'exact duplicates')} and "
                f"{_count(near, 'pair', 'pairs')} that look like one picture processed twice, or "
                "like two exposures within minutes.",
            )
        )
    else:
        found.append(("good", "No image occurs twice."))
    return found


def _on_patients(result: dict[str, Any]) -> list[tuple[str, str]]:
    if shared := len(result["patients_in_several_splits"]):
        return [("fix", f"{_count(shared, 'patient is', 'patients are')} in more than one split: divide by patient.")]
    if len({row["split"] for row in result["counts"]}) > 1:
        return [("good", "No patient is in more than one split.")]
    return []


def _on_confounding(associations: list[dict[str, Any]]) -> list[tuple[str, str]]:
    by_feature: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in associations:
        if item["flagged"]:
            by_feature[item["feature"]].append(item)
    found = [
        ("declare", f"By {_best(feature, by_feature.pop(feature))} labels can be told better than by chance. {advice}")
        for feature, advice in _ADVICE.items()
        if feature in by_feature
    ]
    if by_feature:
        ways = "; by ".join(_best(feature, items) for feature, items in by_feature.items())
        found.append(("declare", f"Labels can be told better than by chance by {ways}. {_OF_FILES}"))
    if associations and not found:
        found.append(("good", "No label can be told from source, view, size, compression or sharpness alone."))
    return found


def _best(feature: str, items: list[dict[str, Any]]) -> str:
    """The strongest association of a property, and how many more there are."""
    first = items[0]
    others = f", and {_count(len(items) - 1, 'other label', 'other labels')}" if len(items) > 1 else ""
    return (
        f"{feature} alone ({display_name(first['label'])} with an AUROC of {first['auroc']:.2f}, 95% interval "
        f"{first['low']:.2f} to {first['high']:.2f}{others})"
    )


def _on_labels(prevalence: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Labels without positives, unknown labels, and prevalences that differ between the splits of a source."""
    positive: dict[str, int] = defaultdict(int)
    spans: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    known = total = 0.0
    for row in prevalence:
        positive[row["label"]] += row["positive"]
        if row["ci95"]:
            spans[row["label"], row["source"]].append(row)
        images = row["known"] / (1 - row["unknown_share"]) if row["unknown_share"] < 1 else 0
        known, total = known + row["known"], total + images
    found = []
    if empty := [display_name(label) for label, count in positive.items() if not count]:
        found.append(("declare", f"No positive image of {', '.join(empty)}: these cannot be learned or tested."))
    if total and known < total:
        found.append(
            (
                "declare",
                f"Of the labels of images that have any, {1 - known / total:.0%} are unknown; they count as "
                "neither present nor absent.",
            )
        )
    shifted = sorted(
        {
            display_name(label)
            for (label, _), rows in spans.items()
            if max(row["ci95"][0] for row in rows) > min(row["ci95"][1] for row in rows) + _ALIKE
        }
    )
    if shifted:
        found.append(
            (
                "declare",
                f"The prevalence of {', '.join(shifted)} differs between the splits by more than chance: "
                "thresholds and predictive values do not carry over.",
            )
        )
    return found


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
