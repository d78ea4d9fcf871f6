"""An evaluation of texts as tables for the terminal."""

from core.findings import display_name
from core.vlm.evaluation import PATHOLOGIES, PUBLISHED, SystemScores, TextEvaluation
from core.vlm.evaluation_baselines import BASELINES
from core.vlm.text_metrics.measures import Score

# Groups of scores with their titles, in the order of the table.
GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Words of Findings",
        (
            *((f"bleu_{order}", f"BLEU-{order}") for order in range(1, 5)),
            ("rouge_l", "ROUGE-L"),
            ("meteor", "METEOR"),
            ("bertscore", "BERTScore"),
            ("radgraph", "RadGraph F1"),
        ),
    ),
    ("Words of Impression", (("impression_bleu_4", "BLEU-4"), ("impression_rouge_l", "ROUGE-L"))),
    (
        "Labels, against the reference's",
        (
            ("nih14.micro_f1", "NIH-14 micro F1"),
            ("nih14.macro_f1", "NIH-14 macro F1"),
            ("chexpert14.micro_f1", "CheXpert-14 micro F1"),
            ("chexpert14.macro_f1", "CheXpert-14 macro F1"),
            ("chexbert.micro_f1", "CheXbert micro F1"),
            ("chexbert.macro_f1", "CheXbert macro F1"),
            ("contradiction_rate", "contradicts the reference"),
        ),
    ),
    (
        "Labels, against the evidence",
        (
            ("evidence.micro_f1", "NIH-14 micro F1"),
            ("evidence.macro_f1", "NIH-14 macro F1"),
            ("evidence_contradiction_rate", "contradicts the evidence"),
            ("violation_rate", "guard objects"),
        ),
    ),
    ("ICD-10-CM", (("icd_f1", "codes, micro F1"), ("icd_category_f1", "categories, micro F1"))),
    ("Text", (("words", "words a report"),)),
)
_MISSING = "-"
_SHARES = ("accuracy", "sensitivity", "specificity", "f1")


def as_table(evaluation: TextEvaluation) -> str:
    """Scores of all systems, baselines beside them; then pathologies; then differences from the first system."""
    blocks = [_scores(evaluation), _pathologies(evaluation)]
    blocks += [_differences(evaluation)] if any(one.differences for _, one in _own(evaluation)) else []
    blocks.append(_notes(evaluation))
    return "\n\n".join(block for block in blocks if block)


def shown(score: Score | None, *, interval: bool = True, signed: bool = False) -> str:
    """A score with its interval, such as ``0.154 [0.140, 0.169]``; lengths have one decimal."""
    if score is None or score.value is None:
        return _MISSING
    digits = 1 if abs(score.value) > 2 else 3
    form = f"{'+' if signed else ''}.{digits}f"
    text = f"{score.value:{form}}"
    return f"{text} [{score.ci95[0]:{form}}, {score.ci95[1]:{form}}]" if interval and score.ci95 else text


def rows_of(evaluation: TextEvaluation) -> list[tuple[str, list[tuple[str, str]]]]:
    """The groups that have scores here: title, and name and title of each score."""
    had = {name for system in evaluation.systems.values() for name in system.scores}
    groups = ((title, [row for row in rows if row[0] in had]) for title, rows in GROUPS)
    return [(title, rows) for title, rows in groups if rows]


def _own(evaluation: TextEvaluation) -> list[tuple[str, SystemScores]]:
    return [(name, system) for name, system in evaluation.systems.items() if name not in BASELINES]


def _scores(evaluation: TextEvaluation) -> str:
    systems = evaluation.systems
    alone = not _own(evaluation)
    rows = [["", *systems]]
    for title, names in rows_of(evaluation):
        rows.append([title, *[""] * len(systems)])
        for name, text in names:
            cells = (
                shown(system.scores.get(name), interval=alone or key not in BASELINES)
                for key, system in systems.items()
            )
            rows.append([f"  {text}", *cells])
    rows.append(["  distinct reports", *(str(system.distinct) for system in systems.values())])
    head = (
        f"{evaluation.n_studies} studies ({evaluation.n_findings} with Findings, {evaluation.n_impression} with "
        f"Impression); references have {evaluation.reference_words:.1f} words and {evaluation.reference_distinct} "
        f"distinct reports. In brackets 95% intervals, {evaluation.resamples} resamples."
    )
    return f"{head}\n\n{_grid(rows)}"


def _pathologies(evaluation: TextEvaluation) -> str:
    rows = [["Pathology (positives)", "system", *_SHARES]]
    for label in PATHOLOGIES:
        title = f"{display_name(label)} ({evaluation.positives[label]})"
        for name, system in evaluation.systems.items():
            scores = [system.scores.get(f"pathologies.{label}.{share}") for share in _SHARES]
            rows.append([title, name, *(shown(score, interval=name not in BASELINES) for score in scores)])
            title = ""
    rows.append(["Published elsewhere, on other images", "", *[""] * len(_SHARES)])
    for label in PATHOLOGIES:
        title = f"  {display_name(label)}"
        for name, figures in PUBLISHED.items():
            accuracy, f1 = figures[label]
            rows.append([title, name, f"{accuracy:.2f}", _MISSING, _MISSING, f"{f1:.2f}"])
            title = ""
    return _grid(rows)


def _differences(evaluation: TextEvaluation) -> str:
    own = _own(evaluation)
    others = [(name, system) for name, system in own if system.differences]
    rows = [[f"Less {own[0][0]}", *(name for name, _ in others)]]
    for title, names in rows_of(evaluation):
        rows.append([title, *[""] * len(others)])
        for name, text in names:
            cells = [shown(system.differences.get(name), signed=True) for _, system in others]
            rows.append([f"  {text}", *cells])
    return _grid(rows)


def _notes(evaluation: TextEvaluation) -> str:
    lines = []
    for name, system in _own(evaluation):
        for title, counts in (
            ("The guard objected to", system.violations),
            ("The guard's actions:", system.guard_actions),
        ):
            if counts:
                listed = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items(), key=_largest_first))
                lines.append(f"{name}: {title} {listed}.")
    lines += [f"Left out: {reason}" for reason in evaluation.unavailable.values()]
    return "\n".join(lines)


def _largest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _grid(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
