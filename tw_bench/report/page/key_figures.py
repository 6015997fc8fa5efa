"""What came of a run at a glance: its verdicts, its thresholds, and its key figures. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from tw_bench.report.answer import is_time_lapse
from tw_bench.report.comparison import is_comparison
from tw_bench.report.comparison_text import part_columns
from tw_bench.report.found_text import clean_text, probe_columns
from tw_bench.report.page.table import GLYPHS, Cell, Table, from_columns, of_texts
from tw_bench.report.proxied_text import is_proxied, proxied_columns
from tw_bench.report.result_text import point_columns
from tw_bench.report.text import TIME_LAPSE, names_text
from tw_bench.report.thresholds_text import measured_text
from tw_bench.results.repetitions import groups, repetitions_text, representative
from tw_bench.results.schema import PointResult, Summary, ThresholdResult, Verdict

_MEANINGS: dict[Verdict, str] = {
    "port-bound": "the range was full and connections were refused",
    "offered-load-bound": "everything that was offered went through",
    "generator-bound": "the load could not be offered on time: do not quote it",
    "target-bound": "the target was the limit: do not quote it",
    "unlimited": "a closed loop, or a command, that nothing refused",
    "not-measured": "the window was not reached",
}
_CAPTION = "Key figures"
_LIMIT = "limit: what gets through when more is offered (saturated, by the model)"
_ERROR = "error: goodput against what the model expects of the window"
_AT_LEAST = ">=: all that was offered went through"


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How many points have a verdict, and what it means."""

    verdict: Verdict
    glyph: str
    count: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that speaks for a verdict, and whose it is."""

    verdict: Verdict
    glyph: str
    points: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many were kept, those that failed, and those that passed."""

    count: Cell
    failed: Table | None
    passed: Table | None


def verdict_counts(points: Sequence[PointResult]) -> list[VerdictCount]:
    """Return the verdicts that there are, the most frequent first; of repetitions the median's."""
    counts = Counter(point.verdict for point in representative(points))
    order = list(get_args(Verdict))
    found = sorted(counts, key=lambda verdict: (-counts[verdict], order.index(verdict)))
    return [VerdictCount(one, GLYPHS[one], counts[one], _MEANINGS[one]) for one in found]


def key_tables(summary: Summary) -> list[Table]:
    """Return what the terminal shows after the run: a row for each parameter set."""
    every = summary.points
    points = representative(every)
    if summary.found is not None:
        columns = probe_columns(every, summary.found)
        caption = "Probes, in the order they were run"
        return [from_columns(caption, columns, [clean_text(summary.found)])]
    repeated = repetitions_text(every)
    notes = [f"Each row is the {repeated}."] if repeated else []
    if is_proxied(points):
        answered = "goodput: responses below 400; failed: of what was tried in the window"
        columns = proxied_columns(points, is_full=True)
        notes += [answered, _AT_LEAST]
        return [from_columns(_CAPTION, columns, notes, is_titled=True)]
    if is_comparison([point.part for point in points]):
        columns = part_columns(points, is_short=False)
        notes += [_LIMIT, _AT_LEAST, _ERROR]
        return [from_columns(_CAPTION, columns, notes, is_titled=True)]
    return list(_blocks(points, [*notes, _LIMIT, _ERROR]))


def _blocks(points: Sequence[PointResult], notes: list[str]) -> Iterator[Table]:
    """Yield a table for each part, those in time-lapse apart."""
    blocks: dict[tuple[str, bool], list[PointResult]] = {}
    for point in points:
        blocks.setdefault((point.part, is_time_lapse(point)), []).append(point)
    for (part, lapsed), block in blocks.items():
        words = ": ".join(filter(None, (part, block[0].title))) if part else ""
        words = f"Part {part}" if part and words == part else words
        lapse = [f"{TIME_LAPSE.format(block[0].prediction.get('hold_s', 1.0))}."] if lapsed else []
        block_notes = [*lapse, *(notes if block[-1] is points[-1] else [])]
        columns = point_columns(block)
        yield from_columns(words or _CAPTION, columns, block_notes, is_titled=not words)


def titles(points: Sequence[PointResult]) -> list[tuple[str, str]]:
    """Return what each part says of itself, once."""
    said = {(point.part or point.group, point.title) for point in points if point.title}
    order = [(point.part or point.group, point.title) for point in points]
    return [pair for pair in dict.fromkeys(order) if pair in said]


def repetitions_table(points: Sequence[PointResult]) -> Table | None:
    """Return every repetition's goodput, where points were repeated."""
    repeated = {name: each for name, each in groups(points).items() if len(each) > 1}
    if not repeated:
        return None
    most = max(map(len, repeated.values()))
    heads = [("point", False), *((f"#{number}", True) for number in range(1, most + 1))]
    rows = [[name, *_goodputs(each, most)] for name, each in repeated.items()]
    return of_texts("Goodput of each repetition [/s]", heads, rows)


def _goodputs(points: Sequence[PointResult], most: int) -> Iterator[str]:
    for index in range(most):
        measured = points[index].measured if index < len(points) else None
        yield "–" if measured is None else f"{measured.goodput_per_s:,.4g}"


def evidence(points: Sequence[PointResult]) -> list[Evidence]:
    """Return what speaks for the verdicts; what several points share is said once."""
    whose: dict[tuple[Verdict, str], list[str]] = {}
    for point in points:
        for sentence in point.evidence:
            whose.setdefault((point.verdict, sentence), []).append(point.id)
    return [
        Evidence(verdict, GLYPHS[verdict], names_text(names), sentence)
        for (verdict, sentence), names in whose.items()
    ]


def thresholds(results: Sequence[ThresholdResult]) -> Thresholds | None:
    """Return what became of the thresholds; None where there is none."""
    if not results:
        return None
    failed = [one for one in results if not one.passed]
    passed = [one for one in results if one.passed]
    count = f"{len(failed) or len(results)} of {len(results)} threshold"
    said = f"{count}{'' if len(results) == 1 else 's'} {'failed' if failed else 'passed'}"
    return Thresholds(
        Cell(said, "bad", "✗") if failed else Cell(said, "good", "✓"),
        _threshold_table("Thresholds that failed", failed),
        _threshold_table("Thresholds that passed", passed),
    )


def _threshold_table(caption: str, results: Sequence[ThresholdResult]) -> Table | None:
    if not results:
        return None
    heads = [("threshold", False), ("result", False), ("point", False), ("measured", True)]
    table = of_texts(caption, heads, [])
    for one in results:
        result = Cell("passed", "good", "✓") if one.passed else Cell("failed", "bad", "✗")
        where = Cell(one.point or "the search")
        table.rows.append([Cell(one.text), result, where, Cell(measured_text(one))])
    return table
