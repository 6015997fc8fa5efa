"""What each way through a proxy gave: responses a second, and the connections to the target."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tw_bench.report.figures import style, upstream_bars
from tw_bench.report.figures.hits import hit
from tw_bench.report.figures.run_data import PointData, Run
from tw_bench.report.figures.style import Card, Word
from tw_bench.report.figures.upstream_rows import Row, make_rows, tip
from tw_bench.report.proxied_answer import ending, error_names, proxy_name

_MOST_NAMES = 2  # of errors, in the line that explains the colours


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture of a run with proxies, a row for each point."""
    points = [point for point in run.points if point.result.forwarding is not None]
    if not points:
        return
    rows = make_rows(run.points)
    height_in = max(
        style.SIZE_IN[1],
        upstream_bars.TOP_IN + upstream_bars.BOTTOM_IN + upstream_bars.ROW_IN * len(rows),
    )
    figure = style.card(run, _title(run, points), _words(rows), height_in)
    axes = upstream_bars.panel(figure, rows)
    heads = upstream_bars.columns(_proxy(points))
    upstream_bars.write_heads(axes, heads)
    for row in rows:
        upstream_bars.draw_row(axes, row)
        upstream_bars.name_row(axes, row)
        upstream_bars.write_cells(axes, row, heads)
        hit(axes, None, (row.y - 0.5, row.y + 0.5), tip(row))
    yield "upstreams", figure


def _proxy(points: Sequence[PointData]) -> str:
    """Return the name of the proxy, or that it is one of several."""
    kinds = {point.result.forwarding.kind for point in points if point.result.forwarding}
    return proxy_name(kinds.pop()) if len(kinds) == 1 else "proxy"


def _title(run: Run, points: Sequence[PointData]) -> str:
    """Return the finding: which way runs out of ports, and how many a pool needs."""
    full = [point for point in points if make_rows([point])[0].is_dry]
    kept = [point for point in points if ending(point.result) == "kept"]
    who = ", ".join(run.proxies)
    if full:
        return f"{who}: {_way_text(full[0])} runs out of ports{_pool_text(kept)}"
    if any(ending(point.result) == "proxy_rst" for point in points):
        return f"{who} does not run out of ports: where it closes first, it resets"
    return f"{who} does not run out of ports{_pool_text(kept)}"


def _way_text(point: PointData) -> str:
    """Return a way in words: its protocol and its pool, or its name where these do not say it."""
    asked, result = point.proxy, point.result
    if not asked or asked.get("config") is not None or not result.part:
        return result.part or "it"
    way = f"HTTP/{asked.get('upstream_protocol')}"
    pool, header = asked.get("keepalive", 0), asked.get("connection_header")
    if pool:
        return f"{way} with a pool of {pool}"
    return f"{way} without a pool" if header == "none" else f"{way} with Connection: {header}"


def _pool_text(kept: Sequence[PointData]) -> str:
    ways = [point.result.forwarding for point in kept]
    opened = [way.connections for way in ways if way is not None]
    return f", a pool needs {min(opened):,}" if opened else ""


def _words(rows: Sequence[Row]) -> list[Word]:
    """Return what colour and hatch mean, and which errors there were."""
    words = style.key(style.SKY, "right")
    names = Counter(name for row in rows for name in error_names(row.point.result)[:_MOST_NAMES])
    if names:
        said = ", ".join(name for name, _ in names.most_common(_MOST_NAMES))
        words += [
            Word("▨", style.as_text(style.VERMILLION), bold=True),
            Word(f"errors ({said})", style.as_text(style.VERMILLION), bold=True),
        ]
    notes = []
    if any(row.limit_per_s is not None for row in rows):
        notes.append("— ❙ predicted limit, where it is near")
    if any(row.cells[1].startswith("≥") for row in rows):
        notes.append("— ≥, ▷: all that was offered went through")
    late = style.VERDICTS["generator-bound"].glyph
    if any(row.cells[1].startswith(late) for row in rows):
        notes.append(f"— {late} generator-bound")
    return [*words, *map(Word, notes)]
