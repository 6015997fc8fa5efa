"""The result in the terminal: measured beside predicted, the sums that prove it, the answer."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tw_bench.report.answer import answer, is_time_lapse
from tw_bench.report.comparison import is_comparison
from tw_bench.report.comparison_text import result_table, titles
from tw_bench.report.found_text import found_table
from tw_bench.report.generator_text import generator_rows, marked
from tw_bench.report.proxied_text import is_proxied, proxied_table
from tw_bench.report.result_cells import (
    bold,
    error_cell,
    generator_cpu_cell,
    predicted_limit_cell,
    spread_columns,
    verdict_cell,
)
from tw_bench.report.text import (
    Cell,
    Column,
    Columns,
    block_title,
    clean,
    count_cell,
    headline,
    labelled,
    names_text,
    rate_cell,
    short_id,
    sides,
    time_cell,
)
from tw_bench.report.thresholds_text import thresholds_table
from tw_bench.results.outcomes import Outcome
from tw_bench.results.repetitions import groups, repetitions_text, representative
from tw_bench.results.run_folder import PAGE
from tw_bench.results.schema import PointResult, Summary

_LEGEND = (
    "limit: what gets through when more is offered (saturated)\n"
    "error: goodput against what the model expects of the window"
)
_WARNINGS = ("generator", "schedule lag", "slots missed")  # in evidence, whatever the verdict
_AS_MEANT = ("port-bound", "offered-load-bound")  # verdicts that need no explanation
_OPENED = "ActiveOpens"  # the kernel's counter of connections opened

Row = tuple[str, str, str]  # label, words, style


def show_result(console: Console, summary: Summary, folder: Path, figures: Sequence[Path]) -> None:
    """Print what came out beside what should have, the sums that prove it, and the answer."""
    headline(console, summary.title, summary.question)
    every, points = summary.points, representative(summary.points)
    is_one_proxied = len(points) == 1 and is_proxied(points)
    if summary.found is not None:
        console.print()
        console.print(found_table(summary, console.width), soft_wrap=True)
    elif is_one_proxied or is_comparison([point.part for point in points]):
        console.print()
        table = proxied_table if is_proxied(points) else result_table
        console.print(table(points, console.width), soft_wrap=True)
        if any(point.title for point in points):
            console.print()
            console.print(titles(points, console.width), soft_wrap=True)
    else:
        _blocks(console, points)
    console.print()
    rows = [*failure_rows(summary), *repetition_rows(every)]
    rows += [*_ledger_rows(every), *_outcome_rows(every), *generator_rows(every)]
    rows += [*_evidence_rows(every), ("answer", answer(summary), "bold")]
    console.print(labelled(rows, console.width), soft_wrap=True)
    console.print()
    if summary.thresholds:
        console.print(thresholds_table(summary.thresholds, console.width), soft_wrap=True)
        console.print()
    _paths(console, folder, figures)


def _blocks(console: Console, points: Sequence[PointResult]) -> None:
    """Print a table for each part, those in time-lapse apart."""
    table = Columns(point_columns(points), console.width)
    keys = [(point.part, is_time_lapse(point)) for point in points]
    for key in dict.fromkeys(keys):
        indexes = [index for index, other in enumerate(keys) if other == key]
        first = points[indexes[0]]
        hold_s = first.prediction.get("hold_s", 1.0) if is_time_lapse(first) else None
        block_title(console, first.part, first.title, hold_s)
        console.print(table.header(), soft_wrap=True)
        console.print(table.rows(indexes), soft_wrap=True)
    console.print(Text(_LEGEND, "dim"))


def point_columns(points: Sequence[PointResult]) -> list[Column]:
    """Return the columns of a result, a cell for each point."""

    def measured(name: str) -> list[Any]:
        return [getattr(point.measured, name, None) for point in points]

    limits = [predicted_limit_cell(point) for point in points]
    return [
        Column(("", "point"), [_name(p) for p in points], is_right=False),
        Column(
            ("", "ports"), [count_cell(p.prediction.get("usable_ports")) for p in points], goes=2
        ),
        Column(("limit", "[/s]"), limits),
        Column(("offered", "[/s]"), [rate_cell(n) for n in measured("offered_per_s")], goes=1),
        Column(("goodput", "[/s]"), [bold(rate_cell(n)) for n in measured("goodput_per_s")]),
        *spread_columns(points),
        Column(("error", "[%]"), [error_cell(point) for point in points]),
        Column(("", "refusals"), [count_cell(n) for n in measured("refusals")]),
        Column(
            ("from", "[s]"),
            [time_cell(n) for n in measured("first_refusal_s")],
            goes=3,
            name="first refusal [s]",
        ),
        *_time_wait_columns(points),
        *_generator_columns(points),
        Column(("", "verdict"), [verdict_cell(point) for point in points], is_right=False),
    ]


def _generator_columns(points: Sequence[PointResult]) -> Iterator[Column]:
    """Yield what the workers used of one processor, where there were any."""
    if any(point.generator is not None for point in points):
        yield Column(("load", "CPU [%]"), [generator_cpu_cell(p) for p in points], goes=7)


def _name(point: PointResult) -> Cell:
    return marked((short_id(point.group, point.part), ""), point)


def _time_wait_columns(points: Sequence[PointResult]) -> Iterator[Column]:
    """Yield a column a side, under a title that they share."""
    for index, side in enumerate(sides(point.time_wait for point in points)):
        peaks = [getattr(point.time_wait.get(side), "peak", None) for point in points]
        title = "TIME_WAIT" if index == 0 else "peak"
        cells = [count_cell(peak) for peak in peaks]
        yield Column((title, side), cells, goes=4 + index, name=f"TIME_WAIT peak, {side}")


def failure_rows(summary: Summary) -> Iterator[Row]:
    """Yield why the run or a point did not come to its end, a line each."""
    if summary.status != "complete":
        yield "run", f"{summary.status}: the figures are those measured until then", "red"
    for point in summary.points:
        if point.status == "complete" and point.measured is not None:
            continue
        status = {"complete": "no window", "interrupted": "stopped"}.get(point.status, point.status)
        ended = "the run ended before its window was over" if point.measured else ""
        why = point.error or ended or "the window was not reached"
        yield status, f"{point.id}: {why}", "red"


def repetition_rows(points: Sequence[PointResult]) -> Iterator[Row]:
    """Yield what stands for repeated points, and whose verdict was not always the same."""
    text = repetitions_text(points)
    if text:
        yield "repeated", text, ""
    for name, group in groups(points).items():
        verdicts = Counter(point.verdict for point in group)
        if len(verdicts) > 1:
            said = ", ".join(f"{verdict} {count} x" for verdict, count in verdicts.most_common())
            yield "", f"{name}: {said}", "yellow"


def _ledger_rows(points: Sequence[PointResult]) -> Iterator[Row]:
    """Yield that the sums come out even, or each one that does not."""
    lines = [(point, line) for point in points for line in point.ledger]
    uneven = [(point, line) for point, line in lines if not line.is_even]
    for point, line in uneven:
        words = (
            f"uneven: {point.id}: {line.name}: ours {line.ours:,}, kernel {line.kernel:,} "
            f"({line.counter}), difference {line.kernel - line.ours:+,}"
        )
        yield "ledger", words, "red"
    opened = [line.ours for _, line in lines if _OPENED in line.counter]
    if not lines:
        yield "ledger", "nothing to check: no point kept the kernel's counters", "yellow"
    elif uneven:
        yield "ledger", f"the other {len(lines) - len(uneven)} sums are even", ""
    else:
        whose = "every point" if len(opened) == len(points) else f"{len(opened)} of {len(points)}"
        sums = f"{sum(opened):,} connections opened = ActiveOpens on {whose}; " if opened else ""
        yield "ledger", f"even: {sums}{len(lines)} sums in all", ""


def _outcome_rows(points: Sequence[PointResult]) -> Iterator[Row]:
    """Yield each way in which connections did not end well, refusals first."""
    counts: Counter[Outcome] = Counter()
    for point in points:
        for found in point.outcomes:
            counts[Outcome(found.phase, found.errno)] += found.count
    for outcome, count in sorted(counts.items(), key=lambda item: not item[0].is_refusal):
        if outcome.is_ok or not count:
            continue
        meaning = f": {outcome.words}" if outcome.words else ""
        label, style = ("refused", "") if outcome.is_refusal else ("errors", "yellow")
        yield label, f"{count:,} at {outcome.phase} with {outcome.reason}{meaning}", style


def _evidence_rows(points: Sequence[PointResult]) -> Iterator[Row]:
    """Yield what speaks for a verdict that was not meant, and warnings about the generator."""
    whose: dict[str, list[str]] = {}
    for point in points:
        for line in point.evidence:
            is_warning = any(word in line.lower() for word in _WARNINGS)
            if point.verdict not in _AS_MEANT or is_warning:
                whose.setdefault(line, []).append(point.id)
    for line, names in whose.items():
        yield "evidence", f"{names_text(names)}: {line}", "yellow"


def _paths(console: Console, folder: Path, figures: Sequence[Path]) -> None:
    """Print where everything is, a line a picture whatever its formats."""
    formats: dict[Path, list[str]] = {}
    for figure in figures:
        formats.setdefault(figure.with_suffix(""), []).append(figure.suffix)
    lines = [("results", _shorter(folder))]
    if (folder / PAGE).is_file():
        lines.append(("report", _shorter(folder / PAGE)))
    for stem, suffixes in formats.items():
        lines.append(("picture", _shorter(stem) + ", ".join(suffixes)))
    for label, words in lines:
        line = Text.assemble((f"{label:<10}", "bold"), clean(words))
        console.print(line, soft_wrap=True)


def _shorter(path: Path) -> str:
    return min(str(path), os.path.relpath(path), key=len)
