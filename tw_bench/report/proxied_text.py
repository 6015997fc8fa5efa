"""The result of a comparison through proxies: what came back, and what it cost upstream."""

from collections.abc import Sequence

from rich.text import Text

from tw_bench.report.comparison import is_at_least
from tw_bench.report.generator_text import marked
from tw_bench.report.proxied_answer import ending, is_command
from tw_bench.report.result_cells import bold, error_cell, predicted_limit_cell, verdict_cell
from tw_bench.report.text import DASH, Cell, Column, Columns, clean, count_cell, rate_cell
from tw_bench.results.schema import Forwarding, PointResult

_LEGEND = (
    "goodput: responses below 400; >=: all that was offered got one\n"
    "5xx: of all responses, those of the fill too\n"
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
    ways = [point.forwarding for point in points]
    opened = [count_cell(None if way is None else way.connections) for way in ways]
    columns = [
        Column(
            ("", "part"),
            [marked((clean(point.part or point.id), ""), point) for point in points],
            is_right=False,
        ),
        Column(("limit", "[/s]"), [predicted_limit_cell(point) for point in points], goes=3),
        Column(("goodput", "[/s]"), [_goodput(point) for point in points]),
        Column(("error", "[%]"), [error_cell(point) for point in points], goes=5),
        Column(("5xx", "[%]"), [_failed(point) for point in points]),
        Column(("upstream", "opened"), opened),
        Column(("requests", "on each"), [_on_each(way) for way in ways], goes=2),
        Column(("TIME_WAIT", "proxy"), [_towards_server(way) for way in ways]),
        Column(("made by", "target"), [_made(point) for point in points]),
        Column(("closes", "first"), [(closer(point), "") for point in points], is_right=False),
        Column(("CPU of", "proxy"), [_cpu(way) for way in ways], goes=6),
        Column(("bound", "by"), [_bound(point) for point in points], is_right=False, goes=4),
    ]
    table = Columns(columns, width, _WHOLE_NAME)
    return Text("\n").join([table.header(), table.rows(range(len(points))), Text(_LEGEND, "dim")])


def closer(point: PointResult) -> str:
    """Return who closed most connections to the target first, by what was seen on the wire."""
    return _ENDINGS[ending(point)]


def _goodput(point: PointResult) -> Cell:
    if point.measured is None or is_command(point):
        return DASH, "dim"
    text, style = rate_cell(point.measured.goodput_per_s)
    return bold((f">= {text}" if is_at_least(point) else text, style))


def _failed(point: PointResult) -> Cell:
    """Return the share of responses that were an error of the proxy, in the whole run."""
    if point.measured is None or is_command(point):
        return DASH, "dim"
    failed = sum(
        end.count for end in point.outcomes if end.phase == "status" and end.errno.startswith("5")
    )
    answered = failed + point.measured.transactions_ok
    if not answered:
        return DASH, "dim"
    return f"{100 * failed / answered:.1f}", "red" if failed else ""


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
