"""TIME_WAIT sockets over time, by side, under the ceiling of the four-tuples."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.patheffects import withStroke

from tw_bench.report.figures import hits, labels, small_multiples, style
from tw_bench.report.figures.fates import some_of_each
from tw_bench.report.figures.run_data import PointData, Run, Samples
from tw_bench.report.figures.small_multiples import Panel
from tw_bench.report.figures.style import INK, NO_VERDICT, VERDICTS, Card, Word
from tw_bench.report.proxied_answer import proxy_name

_SIDES = {
    "client": style.BLUE,
    "proxy": style.PURPLE,
    "server": style.VERMILLION,
    "host": style.GREEN,
}
_FULL = 0.98  # of the four-tuples
_STRIPS = 60  # of a panel, each with its values
_FEW = 0.02  # of the four-tuples: fewer are not worth a word


def draw(run: Run) -> Iterator[tuple[str, Card]]:
    """Yield one picture, a panel for each of up to eight points."""
    points = [point for point in run.points if point.samples]
    if not points:
        return
    shown, note = _choose(run, points)
    sides = [side for side in _SIDES if any(side in point.samples for point in shown)]
    kinds = _kinds(shown)
    words = [word for side in sides for word in style.key(_SIDES[side], _side_text(side, kinds))]
    ceiling = "usable ports" if all(map(_is_ports, shown)) else "ports × addresses"
    ceiling = f"{ceiling} of {_and_names(kinds)}" if kinds else ceiling
    words += [Word(f"— dashed: {ceiling} — shaded: the window that is averaged"), *note]
    title = _proxied_title(points) if kinds else _title(points)
    figure = style.card(run, title, words)
    for panel in small_multiples.panels(run, figure, shown, "TIME_WAIT sockets [count]"):
        _draw_panel(panel)
        _add_hits(panel, hits.MOST // len(shown), kinds)
    yield "time-wait", figure


def _choose(run: Run, points: Sequence[PointData]) -> tuple[Sequence[PointData], list[Word]]:
    """Return the points that are shown: of a comparison some of each kind."""
    if not small_multiples.is_crowd(run):
        return small_multiples.choose(points)
    shown = some_of_each(points, small_multiples.MOST)
    return shown, [Word(f"— {len(shown)} of {len(points)} points, some of each kind")]


def _is_ports(point: PointData) -> bool:
    return point.prediction.four_tuples == point.prediction.usable_ports


def _kinds(points: Sequence[PointData]) -> list[str]:
    """Return the proxies that stood between client and target, by name."""
    ways = [point.result.forwarding for point in points]
    return list(dict.fromkeys(proxy_name(way.kind) for way in ways if way is not None))


def _and_names(kinds: Sequence[str]) -> str:
    return " and ".join(kinds)


def _side_text(side: str, kinds: Sequence[str]) -> str:
    """Return what a side is called: behind a proxy, the server is the target."""
    words = {"host": "client and server in one"}
    if kinds:
        words |= {"proxy": _and_names(kinds), "server": "target"}
    return words.get(side, side)


def _proxied_title(points: Sequence[PointData]) -> str:
    """Return in how many ways TIME_WAIT took all ports that the proxy has towards the target."""
    who = _and_names(_kinds(points))
    shares = [_peak(point, "proxy") for point in points if _has_upstream(point)]
    full = sum(share >= _FULL for share in shares)
    at_target = any(_peak(point, "server") > 0 for point in points if "server" in point.samples)
    if not full:
        most = max(shares, default=0.0)
        where = f"{most:.0%} of its ports at most" if most > _FEW else "no port"
        return f"{who}: TIME_WAIT takes {where} towards the target"
    of = f"In {full} of {len(points)} ways " if full < len(points) else ""
    text = f"{of}TIME_WAIT fills the ports of {who}"
    return f"{text}; at the target it takes none" if at_target else text


def _has_upstream(point: PointData) -> bool:
    """Whether the TIME_WAIT of the proxy is towards the target, where it costs ports."""
    return "proxy" in point.samples and not _is_downstream(point)


def _is_downstream(point: PointData) -> bool:
    """Whether most of the proxy's TIME_WAIT was towards the client at the end."""
    way = point.result.forwarding
    if way is None:
        return False
    return way.time_wait.get("client", 0) > way.time_wait.get("server", 0)


def _title(points: Sequence[PointData]) -> str:
    """Return on which side TIME_WAIT stands, and whether it met the ceiling."""
    peaks = {
        side: [_peak(point, side) for point in points if side in point.samples] for side in _SIDES
    }
    full = sum(peak >= _FULL for peak in peaks["client"] + peaks["host"])
    if full == len(points):
        where = "" if not peaks["client"] else " of the client"
        ranges = "every range" if len(points) > 1 else "the whole range"
        return f"TIME_WAIT fills {ranges}{where}" + (
            "; the server holds none" if peaks["server"] and max(peaks["server"]) < 0.01 else ""
        )
    if full:
        return f"TIME_WAIT fills {full} of {len(points)} ranges"
    if max(peaks["server"], default=0) > max(peaks["client"], default=0):
        return "TIME_WAIT stands on the server: the client's ports are free"
    return (
        f"TIME_WAIT takes {max(peaks['client'] + peaks['host'], default=0):.0%} of a range at most"
    )


def _peak(point: PointData, side: str) -> float:
    return float(point.samples[side].time_wait.max()) / point.prediction.four_tuples


def _draw_panel(panel: Panel) -> None:
    axes, point = panel.axes, panel.point
    ceiling = point.prediction.four_tuples
    highest = max(ceiling, *(one.time_wait.max() for one in point.samples.values()))
    axes.set_ylim(0, highest * 1.24)
    axes.axhline(ceiling, color=INK, lw=0.9, ls="--", zorder=3)
    axes.annotate(
        f"{ceiling:,} {'usable ports' if _is_ports(point) else 'four-tuples'}",
        (0, ceiling),
        (4, 3),
        textcoords="offset points",
        size=panel.text_size,
        color=INK,
        zorder=5,
        path_effects=labels.halo(axes) if highest > ceiling else None,
    )
    texts = labels.Labels(axes)
    lines = {side: one for side in _SIDES if (one := _within(point, side)) is not None}
    for side, one in lines.items():
        axes.plot(one.time_s, one.time_wait, color=_SIDES[side], lw=1.4, zorder=4, clip_on=False)
        texts.keep_line(*_corners(one))
    if small_multiples.ends_early(point):
        texts.keep_line((point.last_s, point.last_s), axes.get_ylim())
    _name_lines(texts, panel, lines)
    look = VERDICTS.get(point.result.verdict, NO_VERDICT)
    small_multiples.head(panel, f"{look.glyph} {point.result.verdict}", style.as_text(look.colour))


def _corners(one: Samples) -> tuple[Sequence[float], Sequence[float]]:
    """Return the line through a hundred of the samples: enough to keep clear of it."""
    some = np.unique(np.linspace(0, len(one.time_s) - 1, 100).round().astype(int))
    return one.time_s[some].tolist(), one.time_wait[some].tolist()


def _add_hits(panel: Panel, most: int, kinds: Sequence[str]) -> None:
    """Let strips of a panel say what was sampled nearest to their middle, on each side."""
    point, ceiling = panel.point, panel.point.prediction.four_tuples
    ends = np.linspace(0, point.prediction.duration_s, min(_STRIPS, most) + 1)
    lines = {side: one for side in _SIDES if (one := _within(point, side)) is not None}
    for start_s, end_s in pairwise(map(float, ends)):
        said: list[str] = []
        for side, one in lines.items():
            nearest = int(np.abs(one.time_s - (start_s + end_s) / 2).argmin())
            at_s, count = one.time_s[nearest], one.time_wait[nearest]
            if start_s <= at_s <= end_s:
                head = [] if said else [f"{point.result.group}, {at_s:.1f} s", "TIME_WAIT"]
                said += [*head, f"{_side_text(side, kinds)}: {count:,.0f} of {ceiling:,}"]
        if said:
            hits.hit(panel.axes, (start_s, end_s), None, "\n".join(said))


def _name_lines(texts: labels.Labels, panel: Panel, lines: Mapping[str, Samples]) -> None:
    """Name each line, the highest first; behind a proxy, those on the ground in one text."""
    ground = [side for side, one in lines.items() if _is_on_ground(panel, one)]
    if len(ground) > 1 and panel.point.result.forwarding is not None:
        # They lie on each other: a name in a colour would be of the wrong line.
        end = (float(lines[ground[0]].time_s[-1]), 0.0)
        halo = {"path_effects": [withStroke(linewidth=2.5, foreground=style.SHADE)], "zorder": 5}
        text = ", ".join(_name(panel.point, side) for side in ground)
        texts.add(text, end, ((-4, 4),), size=panel.text_size, color=style.MUTED, **halo)
        lines = {side: one for side, one in lines.items() if side not in ground}
    for side in sorted(lines, key=lambda side: -lines[side].time_wait.max()):
        _name_line(texts, panel, side, lines[side])


def _within(point: PointData, side: str) -> Samples | None:
    """Return the samples of a side until the point's end; what is closed after is no result."""
    one = point.samples.get(side)
    if one is None:
        return None
    shown = one.time_s <= point.prediction.duration_s
    return Samples(one.time_s[shown], one.time_wait[shown]) if shown.any() else None


def _name(point: PointData, side: str) -> str:
    """Return what a line is called."""
    way = point.result.forwarding
    text = _side_text(side, [proxy_name(way.kind)] if way is not None else [])
    if side == "proxy" and _is_downstream(point):
        return f"{text},\nto clients"
    return side if side == "host" else text


def _is_on_ground(panel: Panel, one: Samples) -> bool:
    """Whether a line stays so low that its name finds no place beside it, only above."""
    return bool(one.time_wait.max() < 0.08 * panel.axes.get_ylim()[1])


def _name_line(texts: labels.Labels, panel: Panel, side: str, one: Samples) -> None:
    """Write the side beside its ramp, or above its line where it stays at the bottom."""
    style_of = {"size": panel.text_size, "color": style.as_text(_SIDES[side]), "weight": "bold"}
    name, peak = _name(panel.point, side), one.time_wait.max()
    if _is_on_ground(panel, one):
        end = (float(one.time_s[-1]), float(peak))
        texts.add(name, end, ((-4, 4), (4, 4)), **style_of)
        return
    half = int((one.time_wait >= peak / 2).argmax())
    at = (float(one.time_s[half]), float(one.time_wait[half]))
    places = ((6, -2), (6, -14), (-6, 10), (16, -2), (24, -14))
    texts.add(name, at, places[1:] if "\n" in name else places, **style_of)
