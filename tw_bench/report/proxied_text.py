"""The result of a comparison through proxies: what came back, and what it cost upstream."""

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from tw_bench.report.comparison import is_at_least
from tw_bench.report.generator_text import marked
from tw_bench.report.proxied_answer import ending, is_command, is_least_limit, wrong_share
from tw_bench.report.result_cells import (
    bold,
    error_cell,
    predicted_limit_cell,
    spread_columns,
    verdict_cell,
)
from tw_bench.report.text import DASH, Cell, Column, Columns, clean, count_cell, rate_cell
from tw_bench.results.schema import Forwarding, PointResult

_LEGEND = (
    "goodput: responses below 400; >=: all that was offered got one\n"
    "failed: of what was tried in the window\n"
    "upstream: connections the proxy opened to the target, and requests on each\n"
    "TIME_WAIT: at the end, at the proxy towards the target; made by the target"
)
_WHOLE_NAME = 40
_ENDINGS = {
    "kept": "kept open",
    "target": "target",
    "target_rst": "target, RST",
    "proxy": "proxy",
    "proxy_rst": "proxy, RST",
    "either": "either",
    "unseen": DASH,
}
_BOUND_BY = {"offered-load-bound": "load", "port-bound": "ports", "unlimited": "nothing"}


def is_proxied(points: Sequence[PointResult]) -> bool:
    """Whether a proxy stood between client and target at any of the points."""
    return any(point.forwarding is not None for point in points)


def proxied_table(points: Sequence[PointResult], width: int) -> Text:
    """Return what each part gave, and what became of the connections to the target."""
    table = Columns(proxied_columns(points), width, _WHOLE_NAME)
    return Text("\n").join([table.header(), table.rows(range(len(points))), Text(_LEGEND, "dim")])


def proxied_columns(points: Sequence[PointResult], *, is_full: bool = False) -> list[Column]:
    """Return the columns of a run with proxies, a cell for each point.

    In full with what the picture of the points says too: ports, offered, refusals, verdict.
    """
    ways, names = [point.forwarding for point in points], _names(points)
    opened = [count_cell(None if way is None else way.connections) for way in ways]
    return [
        Column(
            ("", "part" if set(names) <= {point.part for point in points} else "point"),
            [marked((clean(name), ""), one) for name, one in zip(names, points, strict=True)],
            is_right=False,
        ),
        *(_asked_columns(points) if is_full else ()),
        Column(("limit", "[/s]"), [_limit(point) for point in points], goes=3),
        Column(("goodput", "[/s]"), [_goodput(point) for point in points]),
        *spread_columns(points),
        Column(("error", "[%]"), [error_cell(point) for point in points], goes=5),
        Column(("failed", "[%]"), [_failed(point) for point in points]),
        *([_refusals(points)] if is_full else ()),
        Column(("upstream", "opened"), opened, name="upstream connections"),
        Column(("requests", "on each"), [_on_each(way) for way in ways], goes=2),
        Column(
            ("TIME_WAIT", "proxy"),
            [_towards_server(way) for way in ways],
            name="TIME_WAIT at the end, proxy",
        ),
        Column(
            ("made by", "target"),
            [_made(point) for point in points],
            name="TIME_WAIT made by the target",
        ),
        Column(("closes", "first"), [(closer(point), "") for point in points], is_right=False),
        Column(("CPU of", "proxy"), [_cpu(way) for way in ways], goes=6),
        _verdicts(points, is_full=is_full),
    ]


def _names(points: Sequence[PointResult]) -> list[str]:
    """Return what each point is called: its part, where that has no other."""
    counts = Counter(point.part for point in points)
    return [
        point.part if point.part and counts[point.part] == 1 else point.group for point in points
    ]


def _asked_columns(points: Sequence[PointResult]) -> list[Column]:
    ports = [count_cell(point.prediction.get("usable_ports")) for point in points]
    offered = [getattr(point.measured, "offered_per_s", None) for point in points]
    return [
        Column(("", "ports"), ports),
        Column(("offered", "[/s]"), [rate_cell(per_s) for per_s in offered]),
    ]


def _refusals(points: Sequence[PointResult]) -> Column:
    counts = [getattr(point.measured, "refusals", None) for point in points]
    return Column(("", "refusals"), [count_cell(count) for count in counts])


def _verdicts(points: Sequence[PointResult], *, is_full: bool) -> Column:
    if is_full:
        return Column(("", "verdict"), [verdict_cell(point) for point in points], is_right=False)
    return Column(("bound", "by"), [_bound(point) for point in points], is_right=False, goes=4)


def _limit(point: PointResult) -> Cell:
    text, style = predicted_limit_cell(point)
    return (f">= {text}" if is_least_limit(point) else text), style


def closer(point: PointResult) -> str:
    """Return who closed most connections to the target first, by what was seen on the wire."""
    return _ENDINGS[ending(point)]


def _goodput(point: PointResult) -> Cell:
    if point.measured is None or is_command(point):
        return DASH, "dim"
    text, style = rate_cell(point.measured.goodput_per_s)
    return bold((f">= {text}" if is_at_least(point) else text, style))


def _failed(point: PointResult) -> Cell:
    """Return the share of what was tried in the window that did not end well."""
    share = None if point.measured is None or is_command(point) else wrong_share(point.measured)
    return (DASH, "dim") if share is None else (f"{100 * share:.1f}", "red" if share else "")


def _on_each(way: Forwarding | None) -> Cell:
    each = None if way is None else way.requests_per_connection
    return (DASH, "dim") if each is None else (f"{each:,.4g}", "")


def _towards_server(way: Forwarding | None) -> Cell:
    return count_cell(None if way is None else way.time_wait.get("server"))


def _made(point: PointResult) -> Cell:
    side = point.time_wait.get("server")
    return count_cell(None if side is None else side.made)


def _cpu(way: Forwarding | None) -> Cell:
    return (DASH, "dim") if way is None else (f"{way.cpu:.2f}", "")


def _bound(point: PointResult) -> Cell:
    return _BOUND_BY.get(point.verdict, point.verdict), verdict_cell(point)[1]
