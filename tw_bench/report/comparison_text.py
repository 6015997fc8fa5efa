"""The plan and the result of a comparison: one table each, a line a part."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.text import Text

from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point
from tw_bench.report.comparison import is_at_least
from tw_bench.report.generator_text import marked
from tw_bench.report.result_cells import (
    bold,
    error_cell,
    predicted_limit_cell,
    spread_columns,
    verdict_cell,
)
from tw_bench.report.text import (
    DASH,
    Cell,
    Column,
    Columns,
    clean,
    count_cell,
    hold_cell,
    labelled,
    limit_cell,
    rate_cell,
)
from tw_bench.results.outcomes import Outcome
from tw_bench.results.schema import PointResult

_LEGEND = (
    "hold: how long a port is away; under 60 s (time-lapse) reuse cuts it short",
    "limit: what gets through when more is offered; >=: all that was offered did",
)
_ERROR = "error: goodput against what the model expects of the window"
_SHARED = "in one: both ends share a namespace, and its kernel counts them together"
_UNEVEN = "!: the ledger of this point is uneven, see below"
_WHOLE_NAME = 40  # a part's name is never longer: columns go before it is folded
_SHORTEST_RULE = 24
_BOUND_BY = {
    "port-bound": "ports",
    "offered-load-bound": "load",
    "unlimited": "nothing",
    "generator-bound": "generator",
    "target-bound": "target",
    "not-measured": DASH,
}
_NOT_SATURATED = 0.001  # share by which what is expected may differ from the limit


def plan_table(planned: Sequence[tuple[Point, Prediction]], width: int) -> Text:
    """Return what each part should show, and the rule that says so as far as there is room."""
    predictions = [prediction for _, prediction in planned]
    offered = [
        ("closed", "") if prediction.offered_per_s is None else rate_cell(prediction.offered_per_s)
        for prediction in predictions
    ]
    columns = [
        Column(("", "part"), [(clean(point.part), "") for point, _ in planned], is_right=False),
        Column(("offered", "[/s]"), offered),
        Column(("limit", "[/s]"), [bold(limit_cell(p.saturated_per_s)) for p in predictions]),
        Column(("hold", "[s]"), [hold_cell(p.hold_s, p.time_lapse) for p in predictions]),
    ]
    room = width - sum(column.width + 2 for column in columns)
    if room >= _SHORTEST_RULE:
        rules = [(_fitted(prediction.hold_reason, room), "dim") for prediction in predictions]
        columns.append(Column(("", "rule"), rules, is_right=False))
    table = Columns(columns, width, _WHOLE_NAME)
    return Text("\n").join([table.header(), table.rows(range(len(planned)))])


def _fitted(rule: str, room: int) -> str:
    """Return as much of a rule as has room, whole clauses where that leaves any.

    >>> _fitted("TIME_WAIT lasts 60 s, rounded up by the timer wheel (HZ 250)", 40)
    'TIME_WAIT lasts 60 s'
    >>> _fitted("the server closes first and holds TIME_WAIT", 28)
    'the server closes first ...'
    """
    if len(rule) <= room:
        return rule
    clause = rule.partition(",")[0]
    return clause if len(clause) <= room else textwrap.shorten(rule, room, placeholder=" ...")


def result_table(points: Sequence[PointResult], width: int) -> Text:
    """Return what each part gave beside its limit, where TIME_WAIT went, and what refused."""
    full = Columns(part_columns(points, is_short=False), width, _WHOLE_NAME)
    short = Columns(part_columns(points, is_short=True), width, _WHOLE_NAME)
    table = full if full.left_out <= 1 else short  # the count of refusals is no loss
    legend = list(_LEGEND)
    if any("error" in column.header for column in table.columns):
        legend.append(_ERROR)
    if any("host" in point.time_wait for point in points):
        legend.append(_SHARED)
    if any(_is_uneven(point) for point in points):
        legend.append(_UNEVEN)
    return Text("\n").join(
        [table.header(), table.rows(range(len(points))), Text("\n".join(legend), "dim")]
    )


def part_columns(points: Sequence[PointResult], *, is_short: bool) -> list[Column]:
    """Return the columns of a comparison, a cell for each part; the last words short or whole."""
    predicted = [point.prediction for point in points]
    holds = [hold_cell(p.get("hold_s", 0.0), bool(p.get("time_lapse"))) for p in predicted]
    refused = [_refusal(point, is_short=is_short) for point in points]
    refusals = [getattr(point.measured, "refusals", None) for point in points]
    verdicts = [
        (_BOUND_BY[point.verdict] if is_short else point.verdict, verdict_cell(point)[1])
        for point in points
    ]
    columns = [
        Column(("", "part"), [_name(point) for point in points], is_right=False),
        Column(("hold", "[s]"), holds),
        Column(("limit", "[/s]"), [predicted_limit_cell(point) for point in points]),
        *_expected_column(points),
        Column(("goodput", "[/s]"), [_goodput(point) for point in points]),
        *spread_columns(points),
        Column(("error", "[%]"), [error_cell(point) for point in points], goes=5),
        *_made_columns(points),
        Column(("", "refusals"), [count_cell(n) for n in refusals], goes=7),
        Column(("refused", "with" if is_short else "at"), refused, is_right=False, goes=4),
        Column(("bound", "by") if is_short else ("", "verdict"), verdicts, is_right=False, goes=3),
    ]
    return [column for column in columns if not (is_short and column.goes == 7)]


def _made_columns(points: Sequence[PointResult]) -> Iterator[Column]:
    """Yield how many TIME_WAIT each side made, under a title that they share."""
    for index, (title, side) in enumerate((("TIME_WAIT", "client"), ("made", "server"))):
        cells = [_made(point, side) for point in points]
        yield Column((title, side), cells, goes=1 + index, name=f"TIME_WAIT made, {side}")


def _expected_column(points: Sequence[PointResult]) -> list[Column]:
    """Return a column of what is expected where that is not the limit: of cold ranges."""
    predicted = [point.prediction for point in points]
    if not any(
        limit and expected and expected > (1 + _NOT_SATURATED) * limit
        for limit, expected in (
            (p.get("saturated_per_s"), p.get("expected_per_s")) for p in predicted
        )
    ):
        return []
    cells = [rate_cell(prediction.get("expected_per_s")) for prediction in predicted]
    return [Column(("expected", "[/s]"), cells, goes=6)]


def _name(point: PointResult) -> Cell:
    name = clean(point.part)
    return marked((f"{name} !", "red") if _is_uneven(point) else (name, ""), point)


def _is_uneven(point: PointResult) -> bool:
    return not all(line.is_even for line in point.ledger)


def _goodput(point: PointResult) -> Cell:
    if point.measured is None:
        return DASH, "dim"
    text, style = rate_cell(point.measured.goodput_per_s)
    return bold((f">= {text}" if is_at_least(point) else text, style))


def _made(point: PointResult, side: str) -> Cell:
    """Return how many TIME_WAIT a side made; both ends in one namespace are counted as one."""
    shared = point.time_wait.get("host")
    if shared is not None:
        return count_cell(shared.made) if side == "client" else ("in one", "dim")
    return count_cell(getattr(point.time_wait.get(side), "made", None))


def _refusal(point: PointResult, *, is_short: bool) -> Cell:
    """Return where and why most refusals were met."""
    found = {Outcome(end.phase, end.errno): end.count for end in point.outcomes if end.count}
    refusals = sorted((end for end in found if end.is_refusal), key=lambda end: -found[end])
    if not refusals:
        return ("" if point.measured else DASH), "dim"
    phase, reason = refusals[0]
    more = f" +{len(refusals) - 1}" if len(refusals) > 1 else ""
    return (reason if is_short else f"{phase} {reason}") + more, ""


def titles(points: Sequence[PointResult], width: int) -> Text:
    """Return what each part says of itself: what it is, costs and risks."""
    longest = max(len(clean(point.part)) for point in points) + 2
    rows = [(clean(point.part), point.title, "") for point in points if point.title]
    return labelled(rows, width, longest)
