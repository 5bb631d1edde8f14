"""Mean ranks over tasks: Friedman's test, Nemenyi's critical difference, and the diagram that shows both."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.leaderboard.cost_metrics import is_cost
from bench.leaderboard.match_results import wanted_coordinates
from bench.leaderboard.statistics.comparisons import is_directed, lower_is_better
from bench.leaderboard.text_ceilings import in_words

if TYPE_CHECKING:
    import numpy as np

    from bench.leaderboard.collect import Table

FEWEST_LINES, FEWEST_BLOCKS = 3, 2


@dataclass(frozen=True)
class MeanRanks:
    """Lines by mean rank over blocks.

    A block is a task; several columns of it (fractions, lead subsets) are averaged first, and lines' ranks under several
    metrics of it, since what is measured on the same records is no further evidence. Only lines that have a value in every
    one of the columns take part, and none that was pretrained on test records or on texts that state the labels.

    Attributes:
        lines: line numbers, best mean rank first; ``labels`` are their names.
        mean_ranks, intervals: of each, with the 95 % interval over blocks.
        p_value: Friedman's. critical_difference: Nemenyi's, at 5 %. p_values: Nemenyi's, line by line.
        absent: lines that lack a column, and so have no mean rank.
        excluded: lines that had the answers, in their texts or as test records.
    """

    lines: tuple[int, ...]
    labels: tuple[str, ...]
    blocks: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    p_value: float
    critical_difference: float
    p_values: np.ndarray
    absent: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What was tested, and what came of it."""
        apart = "differ" if self.p_value < 0.05 else "do not differ significantly"
        p = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.3f}"
        sentence = (
            f"Mean ranks over {len(self.blocks)} tasks ({', '.join(self.blocks)}): the {len(self.lines)} rows {apart} "
            f"(Friedman p {p}); two differ where their mean ranks are more than {self.critical_difference:.2f} apart "
            f"(Nemenyi, 5 %). Tasks that share recordings count as separate, which makes this optimistic."
        )
        if self.absent:
            sentence += f" Without a mean rank, as a column is missing: {', '.join(self.absent)}."
        if self.excluded:
            names = ", ".join(self.excluded)
            sentence += (
                f" Without a mean rank, as it was pretrained on test records or its texts state the labels: {names}."
            )
        return sentence


def mean_ranks_of(table: Table) -> MeanRanks | None:
    """The mean ranks of a table's lines; None with fewer than three complete lines or two tasks."""
    import numpy as np

    from bench.scoring.classification import midranks
    from bench.scoring.comparison import friedman, mean_rank

    blocks: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, column in enumerate(table.board.columns):
        if not is_directed(column.metric or table.board.metric):
            continue
        if column.mean_of or not any(line.summaries[index].value is not None for line in table.lines):
            continue
        places = {
            tuple(task for task, *_ in wanted_coordinates(line.row, column)) for line in table.lines if line.row.method
        }
        if len(places) != 1:
            return None  # rows of one column ask different questions
        blocks[", ".join(places.pop())][column.metric or table.board.metric].append(index)
    indices_used = [index for by_metric in blocks.values() for indices in by_metric.values() for index in indices]
    metrics = {metric for by_metric in blocks.values() for metric in by_metric}
    if any(map(is_cost, metrics)):
        return None
    answered = {
        k
        for k, line in enumerate(table.lines)
        if in_words(line.text_ceilings) or any("test records" in line.summaries[i].contamination for i in indices_used)
    }
    complete = [
        k
        for k, line in enumerate(table.lines)
        if k not in answered and all(line.summaries[i].value is not None for i in indices_used)
    ]
    if len(complete) < FEWEST_LINES or len(blocks) < FEWEST_BLOCKS:
        return None

    def under(metric: str, indices: list[int]) -> np.ndarray:
        sign = -1 if lower_is_better(metric) else 1
        return np.array([sign * np.mean([_value(table, k, i) for i in indices]) for k in complete])

    each = [[under(metric, indices) for metric, indices in by_metric.items()] for by_metric in blocks.values()]
    values = np.array(
        [block[0] if len(block) == 1 else -np.mean([midranks(-row) for row in block], axis=0) for block in each]
    )
    tested, ranks = friedman(values), mean_rank(values)
    order = sorted(range(len(complete)), key=lambda i: ranks[i][0])
    return MeanRanks(
        lines=tuple(complete[i] for i in order),
        labels=tuple(table.name(table.lines[complete[i]]) for i in order),
        blocks=tuple(task if len(metrics) == 1 else f"{task} {' and '.join(names)}" for task, names in blocks.items()),
        mean_ranks=tuple(ranks[i][0] for i in order),
        intervals=tuple((ranks[i][1].low, ranks[i][1].high) for i in order),
        p_value=tested.p_value,
        critical_difference=tested.critical_difference,
        p_values=tested.p_values[np.ix_(order, order)],
        absent=tuple(
            table.name(line)
            for k, line in enumerate(table.lines)
            if line.found and k not in complete and k not in answered
        ),
        excluded=tuple(table.name(table.lines[k]) for k in sorted(answered) if table.lines[k].found),
    )


def _value(table: Table, line: int, column: int) -> float:
    value = table.lines[line].summaries[column].value
    assert value is not None
    return value


def diagram(mean_ranks: MeanRanks, form: str = "svg", ink: str = "#1b1f24") -> bytes:
    """The critical-difference diagram as ``svg`` or ``png``: mean ranks on a scale, a bar over those that do not
    differ significantly (Demsar, JMLR 2006)."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    import pandas as pd
    import scikit_posthocs
    from matplotlib import pyplot

    names = _distinct(mean_ranks.labels)
    ranks = pd.Series(dict(zip(names, mean_ranks.mean_ranks, strict=True)))
    p_values = pd.DataFrame(mean_ranks.p_values, index=names, columns=names)
    style: dict[str, Any] = {
        "text.color": ink, "axes.edgecolor": ink, "axes.labelcolor": ink, "xtick.color": ink, "lines.color": ink,
        "svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 10, "font.family": "sans-serif",
    }  # fmt: skip
    with matplotlib.rc_context(style):  # type: ignore[arg-type]  # a plain dict of settings
        figure, axes = pyplot.subplots(
            figsize=(max(9.0, 5 + 0.13 * max(map(len, names))), 1.2 + 0.16 * len(names) + 0.06 * len(names)),
            layout="constrained",
        )
        try:
            scikit_posthocs.critical_difference_diagram(
                ranks, p_values, ax=axes, color_palette=[ink] * len(names), label_fmt_left="{label} ({rank:.2f})\u00a0\u00a0",
                label_fmt_right="\u00a0\u00a0({rank:.2f}) {label}", crossbar_props={"color": ink, "linewidth": 3},
                text_h_margin=0.02,
            )  # fmt: skip
            out = io.BytesIO()
            metadata = {"Date": None} if form == "svg" else None
            figure.savefig(out, format=form, transparent=form == "svg", dpi=160, metadata=metadata)
        finally:
            pyplot.close(figure)
    return out.getvalue()


def _distinct(labels: tuple[str, ...]) -> list[str]:
    seen: dict[str, int] = defaultdict(int)
    names = []
    for label in labels:
        seen[label] += 1
        names.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return names
