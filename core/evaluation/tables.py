"""The tables behind the figures of the evaluation report, a row a mark or a point."""

from typing import Any

import numpy as np
import pandas as pd

from core.classifier.call_figures import STUDY_FIGURES
from core.evaluation.ranking import Array
from core.findings import LABELS

# Points of a curve that are kept: more could not be told apart on paper.
_POINTS = 300


def discrimination_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """AUROC and average precision of each label that was judged."""
    rows = []
    for label, figures in metrics["per_label"].items():
        if figures["auroc"] is None:
            continue
        rows.append(
            {
                "label": label,
                "n": figures["n"],
                "n_positive": figures["n_positive"],
                "prevalence": figures["prevalence"],
                "auroc": figures["auroc"],
                **_edges("auroc", figures["auroc_ci95"]),
                "average_precision": figures["average_precision"],
                **_edges("average_precision", figures["average_precision_ci95"]),
            }
        )
    return pd.DataFrame(rows)


def comparison_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """Our AUROC, another model's and their difference, for each model the macro mean and each label that both know."""
    rows = []
    for model, comparison in metrics["comparisons"].items():
        macro = {"n_labels": comparison["n_labels_used"], "p": None, "larger_than_chance": None}
        for name in ("ours", "theirs", "difference"):
            figures = comparison[name]
            macro |= {name: figures["macro_auroc"], f"{name}_ci95": figures["ci95"]}
        # The interval is the paired bootstrap's; a difference whose interval leaves out 0 is called.
        low, high = macro["difference_ci95"] or (-1, 1)
        macro["larger_than_chance"] = low > 0 or high < 0
        for label, figures in {"macro": macro, **comparison["per_label"]}.items():
            if figures is None:
                continue
            row = {"model": model, "n_images": comparison["n_images"], "label": label}
            for name in ("ours", "theirs", "difference"):
                row |= {name: figures[name], **_edges(name, figures[f"{name}_ci95"])}
            rows.append(row | {"p": figures["p"], "larger_than_chance": figures["larger_than_chance"]})
    return pd.DataFrame(rows)


def decision_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """Confusion matrix and shares of each label, for each kind of threshold, beside the baselines."""
    baselines = metrics["baselines"]["prevalence"]["per_label"]
    rows = []
    for rule, decided in metrics["decisions"].items():
        for label, figures in decided["per_label"].items():
            if metrics["per_label"][label]["auroc"] is None or figures["threshold"] is None:
                continue
            row = {"thresholds": rule, "label": label}
            row |= {name: figures[name] for name in ("threshold", "tn", "fp", "fn", "tp")}
            for name in ("precision", "recall", "specificity", "npv", "f1"):
                row |= {name: figures[name], **_edges(name, figures[f"{name}_ci95"])}
            share = baselines[label]["prevalence"]
            row |= {"accuracy": figures["accuracy"], "accuracy_all_negative": 1 - share, "f1_of_chance": share}
            rows.append(row)
    return pd.DataFrame(rows)


def policy_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """The figures of the study under each policy, beside those of chance."""
    return pd.DataFrame(
        [
            {
                "policy": policy,
                "figure": name,
                "value": figures[name]["value"],
                **_edges("value", figures[name]["ci95"]),
                "chance": metrics["calls_of_chance"][name],
            }
            for policy, figures in metrics["policies"].items()
            for name in STUDY_FIGURES
        ]
    )


def call_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """Precision and sensitivity of what is called for each label and policy; chance has the prevalence for both."""
    rows = []
    for policy, figures in metrics["policies"].items():
        for label, of_label in figures["per_label"].items():
            if metrics["per_label"][label]["auroc"] is None:
                continue
            row = {"policy": policy, "label": label}
            for name, figure in of_label.items():
                row |= {name: figure["value"], **_edges(name, figure["ci95"])}
            rows.append(row | {"prevalence": metrics["per_label"][label]["prevalence"]})
    return pd.DataFrame(rows)


def reliability_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """The bins of the reliability diagram, before and after calibration."""
    return pd.DataFrame(
        [
            {
                "label": label,
                "probabilities": kind,
                **{name: one[name] for name in ("n", "mean_probability", "share_positive")},
                **_edges("share_positive", one["ci95"]),
            }
            for label, figures in metrics["calibration"].items()
            if figures is not None
            for kind in ("before", "after")
            if figures[kind] is not None
            for one in figures[kind]["bins"]
        ]
    )


def subgroup_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """Macro AUROC (``label`` is ``macro``) and AUROC of each group, and its gap to all others."""
    rows = []
    for group in metrics["subgroups"]:
        described = {name: group[name] for name in ("variable", "group", "n_images", "n_patients")}
        whole = group | {"label": "macro", "auroc": group["macro_auroc"], "rest_auroc": group["rest_macro_auroc"]}
        for one in (whole, *group["per_label"]):
            rows.append(
                described
                | {"label": one["label"], "auroc": one["auroc"], **_edges("auroc", one["ci95"])}
                | {"rest_auroc": one["rest_auroc"], "gap": one["gap"], **_edges("gap", one["gap_ci95"])}
                | {"p": one["p"], "larger_than_chance": one["larger_than_chance"]}
            )
    return pd.DataFrame(rows)


def noise_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """AUROC against the truth under assumed shares of wrong labels."""
    return pd.DataFrame(metrics["label_noise"]["sensitivity"])


def curve_tables(labels: Array, probabilities: Array) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points of the ROC and precision-recall curves of each label with positives and negatives.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14), NaN where the model does not say.

    Returns:
        ``label, threshold, false_positive_rate, sensitivity`` and ``label, threshold, recall, precision``; a curve
        with more than 300 points is thinned evenly.
    """
    # SciPy comes with it: half of the import of this package, whose commands do much else.
    from sklearn.metrics import precision_recall_curve, roc_curve

    rocs, precisions = [], []
    for i, label in enumerate(LABELS):
        known = np.isfinite(labels[:, i]) & np.isfinite(probabilities[:, i])
        truth, scores = labels[known, i] > 0.5, probabilities[known, i]
        if not 0 < truth.sum() < len(truth):
            continue
        false_positives, sensitivity, thresholds = roc_curve(truth, scores)
        columns = {"threshold": thresholds, "false_positive_rate": false_positives, "sensitivity": sensitivity}
        rocs.append(_thinned(label, columns))
        precision, recall, thresholds = precision_recall_curve(truth, scores, drop_intermediate=True)
        columns = {"threshold": np.r_[thresholds, np.inf], "recall": recall, "precision": precision}
        precisions.append(_thinned(label, columns))
    return pd.concat(rocs, ignore_index=True), pd.concat(precisions, ignore_index=True)


def _thinned(label: str, columns: dict[str, Array]) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    places = np.unique(np.linspace(0, len(table) - 1, min(len(table), _POINTS)).round().astype(int))
    table = table.iloc[places].reset_index(drop=True)
    table.insert(0, "label", label)
    return table


def _edges(name: str, ci95: list[float] | None) -> dict[str, float | None]:
    low, high = ci95 or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
