"""The figures of an evaluation as people read them in a terminal."""

from typing import Any

from core.classifier.call_figures import STUDY_FIGURES
from core.evaluation.thresholds import RULES


def as_table(metrics: dict[str, Any]) -> str:
    """The labels as a table, then the sentences that a reader must not miss."""
    lines = [
        f"{'':<20}{'AUROC':>7}  {'95% interval':<16}{'AP':>6}{'chance':>8}{'pos.':>7}"
        f"{'sens.':>7}{'spec.':>7}{'PPV':>6}{'NPV':>6}{'F1':>6}"
    ]
    for name, figures in metrics["per_label"].items():
        if figures["auroc"] is None:
            lines.append(f"{name:<20}  not assessed: no positives or no negatives")
            continue
        lines.append(
            f"{name:<20}{figures['auroc']:7.3f}  {bounds(figures['auroc_ci95']):<16}{figures['average_precision']:6.3f}"
            f"{figures['prevalence']:8.3f}{figures['n_positive']:7,d}"
            f"{share(figures['recall']):>7}{share(figures['specificity']):>7}"
            f"{share(figures['precision']):>6}{share(figures['npv']):>6}{share(figures['f1']):>6}"
        )
    lines.append(
        f"{'Macro':<20}{metrics['macro_auroc']:7.3f}  {bounds(metrics['macro_auroc_ci95']):<16}"
        f"{metrics['macro_average_precision']:6.3f}"
    )
    return "\n".join([*lines, "", *_policies(metrics), "", *sentences(metrics)])


def _policies(metrics: dict[str, Any]) -> list[str]:
    """What each policy's calls are worth, as a table, and how normal and abnormal images are told apart."""
    policies = metrics["policies"]
    lines = [f"{'':<52}" + "".join(f"{name:<20}" for name in policies) + "chance"]
    for figure, words in STUDY_FIGURES.items():
        cells = [
            f"{share(one[figure]['value'])} {bounds(one[figure]['ci95'], 2)}".ljust(20) for one in policies.values()
        ]
        lines.append(f"{words:<52}{''.join(cells)}{metrics['calls_of_chance'][figure]:.2f}")
    if abnormal := metrics["abnormal"]:
        aurocs = "; ".join(
            f"{name} {one['value']:.3f} {bounds(one['ci95'])}" for name, one in abnormal["auroc"].items()
        )
        lines.append(
            f"{abnormal['n_abnormal']:,} abnormal from {abnormal['n_normal']:,} normal images, AUROC: {aurocs}."
        )
    lines += [f"Policy {name}, chosen for {one['chosen_for']}." for name, one in policies.items()]
    return lines


def sentences(metrics: dict[str, Any]) -> list[str]:
    """What was evaluated, the baselines, the targets and the comparison, a sentence each."""
    found = [
        f"{metrics['model']}: {metrics['n_labels_used']} labels, {metrics['split']} split, "
        f"{metrics['n_images']:,} images of {metrics['n_patients']:,} patients; intervals from "
        f"{metrics['resamples']:,} resamples of the patients. The AP of chance is the prevalence in these images."
    ]
    if left_out := metrics["labels_left_out"]:
        found.append(f"Left out of every mean, for want of positives or negatives: {', '.join(left_out)}.")
    if absent := metrics["n_without_predictions"]:
        found.append(f"{absent:,} images have no predictions and were left out; problems.csv says why.")
    found += [_decisions(metrics), why_accuracy_proves_nothing(metrics)]
    if chosen := metrics["thresholds_chosen_on"]:
        where = "these very" if chosen["same_images"] else "other"
        found.append(
            f"Thresholds of the rules {', '.join(RULES)} were chosen on {where} "
            f"{chosen['n_images']:,} validation images."
        )
    found += [target_sentence(name, target) for name, target in metrics["targets"].items()]
    for name, comparison in metrics["comparisons"].items():
        found.append(
            f"Beside {name}, on the {comparison['n_images']:,} images that both have "
            f"({comparison['n_labels_used']} labels): "
            f"ours {comparison['ours']['macro_auroc']:.3f} {bounds(comparison['ours']['ci95'])}, "
            f"theirs {comparison['theirs']['macro_auroc']:.3f} {bounds(comparison['theirs']['ci95'])}, "
            f"difference {comparison['difference']['macro_auroc']:+.3f} {bounds(comparison['difference']['ci95'])}"
            f"{_beaten(comparison)}."
        )
    return found


def why_accuracy_proves_nothing(metrics: dict[str, Any]) -> str:
    """The one sentence that must stand beside every accuracy."""
    nothing = metrics["baselines"]["all_negative"]["label_accuracy"]
    target = metrics["targets"]["label_accuracy"]
    low, high = target["range"]
    return (
        f"Label accuracy is {target['value']:.3f}, and calling everything absent scores {nothing:.3f} without "
        "looking at an image: findings are rare, so that an accuracy inside "
        f"{low:.2f}-{high:.2f} by itself proves nothing."
    )


def target_sentence(name: str, target: dict[str, Any]) -> str:
    """Whether a target is met, in words."""
    low, high = target["range"]
    title = {"auroc": "macro AUROC", "label_accuracy": "label accuracy"}[name]
    return f"Target {title} {low:.2f}-{high:.2f}: {target['value']:.3f}, {'met' if target['met'] else 'not met'}."


def bounds(ci95: list[float] | None, digits: int = 3) -> str:
    """An interval in brackets."""
    return "" if ci95 is None else f"[{ci95[0]:.{digits}f}, {ci95[1]:.{digits}f}]"


def share(value: float | None) -> str:
    """A share with two digits, or a dash for a share of nothing."""
    return "-" if value is None else f"{value:.2f}"


def _beaten(comparison: dict[str, Any]) -> str:
    """On which labels a difference is larger than chance."""
    told = {"better": [], "worse": []}  # type: dict[str, list[str]]
    for label, row in comparison["per_label"].items():
        if row is not None and row["larger_than_chance"]:
            told["better" if row["difference"] > 0 else "worse"].append(f"{label} {row['difference']:+.2f}")
    return "".join(f"; {how} than chance explains on {', '.join(labels)}" for how, labels in told.items() if labels)


def _decisions(metrics: dict[str, Any]) -> str:
    nothing, chance = metrics["baselines"]["all_negative"], metrics["baselines"]["prevalence"]
    return (
        f"Decisions by {metrics['decided_by']}, beside them everything absent and chance at the prevalence: "
        + "; ".join(
            f"{name.replace('_', ' ')} {metrics[name]:.3f} ({nothing[name]:.3f}, {chance[name]:.3f})"
            for name in ("label_accuracy", "subset_accuracy", "micro_f1", "macro_f1")
        )
        + "."
    )
