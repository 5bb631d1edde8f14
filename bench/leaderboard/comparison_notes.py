"""Notes on what the comparisons of a table could show: contrasts first, then all pairs, then mean ranks."""

from __future__ import annotations

from collections.abc import Iterator

from bench import modes
from bench.leaderboard import number_format
from bench.leaderboard.collect import Table
from bench.leaderboard.match_results import wanted_coordinates


def comparison_notes(table: Table) -> list[str]:
    """What the letters mean, which columns have none and why, and the mean ranks over tasks."""
    notes = list(_contrasts(table))
    tests: dict[str, list[str]] = {}
    for index, ranks in table.ranks.items():
        name = table.board.columns[index].name
        if ranks.test and len(ranks.groups) < 2:
            tests.setdefault(f"no two rows differ significantly ({ranks.test}, Holm over the column, 5 %)", []).append(
                name
            )
        elif ranks.test and len(ranks.groups) > number_format.MANY_GROUPS:
            meaning = (
                f"the raised number is one plus the number of rows that are significantly better ({ranks.test}, Holm over "
                f"the column, 5 %); the CSV lists the groups of rows that do not differ significantly"
            )
            tests.setdefault(meaning, []).append(name)
        elif ranks.test:
            meaning = f"rows that share a letter do not differ significantly ({ranks.test}, Holm over the column, 5 %)"
            tests.setdefault(meaning, []).append(name)
        else:
            tests.setdefault(f"rows are not tested against each other: {ranks.why}", []).append(name)
    power = dict(_what_tests_could_show(table))
    for meaning, names in tests.items():
        where = ", ".join(names) if len(tests) > 1 or len(names) < len(table.ranks) else ""
        notes.append(f"{where}: {meaning}." if where else f"{meaning[0].upper()}{meaning[1:]}.")
    notes += [f"{table.board.columns[index].name}: {sentence}" for index, sentence in power.items()]
    if table.mean_ranks is not None:
        ranking = table.mean_ranks
        notes.append(ranking.sentence())
        each = zip(ranking.labels, ranking.mean_ranks, ranking.intervals, strict=True)
        notes.append(
            "Mean rank [95 % interval over tasks]: "
            + "; ".join(f"{label} {mean:.2f} [{low:.2f}, {high:.2f}]" for label, mean, (low, high) in each)
            + "."
        )
    return notes


def _against_untrained(table: Table, index: int) -> str:
    """How many methods of a column are significantly above the same network untrained, and which are not; or nothing."""
    contrasts = [c for c in table.ranks[index].contrasts.each if c.kind == "untrained"]
    if not contrasts:
        return ""
    above = [c for c in contrasts if c.significant and c.value > 0]
    below = [c for c in contrasts if c.significant and c.value < 0]
    undecided = [c for c in contrasts if not c.significant]
    parts = [f"{len(above)} of {len(contrasts)} pretrained rows are significantly above the same network untrained"]
    for words, others in (("significantly below it", below), ("not shown to differ from it", undecided)):
        if others:
            parts.append(f"{words}: {', '.join(table.name(table.lines[c.line]) for c in others)}")
    return f"{table.board.columns[index].name}: {'; '.join(parts)}."


def _contrasts(table: Table) -> Iterator[str]:
    """How many contrasts each column has and what they could detect; and which are missing, with the reason."""
    for index, ranks in table.ranks.items():
        contrasts = ranks.contrasts
        if not contrasts.pairs or contrasts.detectable is None:
            continue
        column = table.board.columns[index]
        scale, decimals = number_format.scale_of(table.board, column), number_format.shown_decimals(table.board, column)
        many = contrasts.pairs > 1
        yield (
            f"{column.name}: {contrasts.pairs} {'contrasts were' if many else 'contrast was'} fixed beforehand and corrected "
            f"{'among themselves' if many else 'for no other'}; {'in half of them ' * many}a true difference of "
            f"{contrasts.detectable * scale:.{decimals}f} or more would be found with 80 % power, after correction."
        )
        if sentence := _against_untrained(table, index):
            yield sentence
    tested = {i: ranks for i, ranks in table.ranks.items() if ranks.test}
    learned = {
        (number, i)
        for i, ranks in tested.items()
        for number in ranks.lines
        if table.lines[number].summaries[i].learned == "pretraining"
    }
    without = [
        line
        for number, line in enumerate(table.lines)
        if any((number, i) in learned and tested[i].contrasts.of("untrained", number) is None for i in tested)
    ]
    if without:
        yield (
            f"Not compared with the same network untrained, which has no replicates on this board: "
            f"{', '.join(map(table.name, without))}. bench run --untrained makes it."
        )
    missing = [
        table.board.columns[i].name for i, r in tested.items() if r.contrasts.supervised is None and _labelled(table, i)
    ]
    if missing and learned:
        yield (
            f"{', '.join(missing)}: no supervised result with replicates on the same task and labels, so that methods are "
            "not compared with the best one."
        )


def _labelled(table: Table, index: int) -> bool:
    column = table.board.columns[index]
    return any(
        modes.facts(mode).uses_labels
        for line in table.lines
        if line.summaries[index].learned == "pretraining"
        for _, mode, *_ in wanted_coordinates(line.row, column)
    )


def _what_tests_could_show(table: Table) -> Iterator[tuple[int, str]]:
    """Of each tested column the pairs, the smallest detectable difference, what is equal, and what was not tested."""
    for index, ranks in table.ranks.items():
        if not ranks.pairs:
            continue
        column = table.board.columns[index]
        scale, decimals = number_format.scale_of(table.board, column), number_format.shown_decimals(table.board, column)
        sentence = f"{ranks.pairs} {'pair was' if ranks.pairs == 1 else 'pairs were'} tested"
        if ranks.detectable is not None:
            sentence += "; " if ranks.pairs == 1 else "; in half of them "
            sentence += (
                f"a true difference of {ranks.detectable * scale:.{decimals}f} or more would be found with "
                f"80 % power, after correction"
            )
        equal = [" = ".join(table.name(table.lines[k]) for k in pair) for pair in ranks.equal]
        if ranks.detectable is not None:
            margin = f"{table.board.margin * scale:.{decimals}f}"
            sentence += f"; shown to be equal up to {margin} (two one-sided tests): {', '.join(equal) or 'none'}"
        if ranks.one_model:
            names = ", ".join(table.name(table.lines[k]) for k in ranks.one_model)
            sentence += f"; not tested, having no replicates: {names}"
        yield index, f"{sentence}."
