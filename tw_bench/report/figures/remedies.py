"""What each way lets through beside the first: a bar a part, grouped by where TIME_WAIT went."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from tw_bench.report.comparison import Effect, effect
from tw_bench.report.figures import remedy_bars, style
from tw_bench.report.figures.hits import hit
from tw_bench.report.figures.remedy_rows import make_rows, tip
from tw_bench.report.figures.run_data import PointData, Run
from tw_bench.report.figures.style import INK, Card, Word

_FEWEST = 3  # parts

_DID: dict[Effect, tuple[str, str]] = {  # one, several
    "same": ("changes nothing", "change nothing"),
    "lowered": ("lowers the limit", "lower the limit"),
    "raised": ("raises the limit", "raise the limit"),
    "unlimited": ("removes the limit", "remove the limit"),
}


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture of a profile that sets three parts or more beside each other."""
    first = next(iter(run.points), None)
    if first is None or not run.is_comparison or len(run.points) < _FEWEST or run.proxies:
        return  # ways through a proxy have a picture of their own (upstreams.py)
    rows = make_rows(run.points)
    height_in = max(
        style.SIZE_IN[1],
        remedy_bars.TOP_IN + remedy_bars.BOTTOM_IN + remedy_bars.ROW_IN * (rows[-1].y + 0.5),
    )
    figure = style.card(run, _title(run.points), _words(run.points), height_in)
    axes = remedy_bars.panel(figure, rows)
    for row in rows:
        remedy_bars.draw_bar(axes, row)
        remedy_bars.name_bar(axes, row, first)
        hit(axes, None, (row.y - 0.5, row.y + 0.5), tip(row))
    remedy_bars.draw_baseline(axes, first)
    for _, group in groupby(rows, key=lambda row: row.fate):
        remedy_bars.name_group(figure, axes, list(group))
    yield "remedies", figure


def _title(points: Sequence[PointData]) -> str:
    """Return the finding: how many ways do what to the limit."""
    first, *others = [point.result for point in points]
    counts = Counter(effect(other, first) for other in others)
    did = [
        f"{counts[kind]} {several if counts[kind] > 1 else one}"
        for kind, (one, several) in _DID.items()
        if counts[kind]
    ]
    if not did:
        return "What each way lets through"
    text = ", ".join(did).replace("the limit", "it").replace("it", "the limit", 1)
    return f"Of {len(others)} ways, {text}"


def _holds(points: Sequence[PointData]) -> str:
    holds = {point.prediction.hold_s for point in points if point.prediction.time_lapse}
    return ", ".join(f"{hold_s:g} s" for hold_s in sorted(holds))


def _words(points: Sequence[PointData]) -> list[Word]:
    first = points[0]
    measured = first.result.measured
    words = []
    if measured is not None:
        dashed = " (dashed)" if measured.goodput_per_s else ""
        rate = f"let {style.rate_text(measured.goodput_per_s)} through{dashed}."
        words.append(Word(f"{first.result.part}: {first.ports_text} {rate}", INK, bold=True))
    words.append(Word("Colour: where TIME_WAIT went — ❙ predicted limit"))
    if any(point.prediction.time_lapse for point in points):
        words.append(Word(f"— tinted: time-lapse ({_holds(points)})", style.LAPSED))
    return words
