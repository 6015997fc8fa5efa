"""The remedies of a plan: a point each in the panel, and its name in a column beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tw_bench.plan.remedies import Remedy
from tw_bench.report.figures import labels, style
from tw_bench.report.figures.style import FAINT, GREEN, INK, MUTED, RIGHT

_LEFT = 0.602  # of the column, a share of the width
_NAMES = _LEFT + 0.023
_GAP = 0.012  # shares of the width: between bracket and names, names and rates
_TWO_LINES_PT, _ONE_LINE_PT = 24.0, 13.0  # a row with its second line, and one without
_EDGE = 0.035  # how far below the upper edge that is, a share of the panel's height
_SAME_PT = 4.0  # points nearer than this, a marker's radius, have one line to their names
_POINTS_IN = 72


@dataclass(frozen=True, slots=True)
class Mark:
    """How a remedy is drawn: never by colour alone."""

    glyph: str
    colour: str
    is_filled: bool


Row = tuple[Remedy, float]  # and the middle of its row, in points from the card's foot

ENOUGH = Mark("●", GREEN, True)
SHORT = Mark("○", MUTED, False)
UNJUDGED = Mark("●", MUTED, True)


def mark(remedy: Remedy) -> Mark:
    """Return how a remedy is drawn."""
    if remedy.is_enough is None:
        return UNJUDGED
    return ENOUGH if remedy.is_enough else SHORT


def is_above(axes: Axes, remedy: Remedy) -> bool:
    """Whether a remedy lifts the limit out of the picture."""
    return remedy.limit_per_s > axes.get_ylim()[1]


def height(axes: Axes, remedy: Remedy) -> float:
    """Return where a remedy is drawn, in requests a second: just below the edge if it is above."""
    if not is_above(axes, remedy):
        return remedy.limit_per_s
    low, high = map(float, axes.get_ylim())
    return float(high / (high / low) ** _EDGE)


def draw_points(axes: Axes, remedies: Sequence[Remedy]) -> None:
    """Draw each remedy at its ports and its limit; one that is far above at the upper edge."""
    for remedy in remedies:
        look = mark(remedy)
        axes.plot(
            remedy.ports,
            height(axes, remedy),
            "^" if is_above(axes, remedy) else "o",
            ms=7.5,
            mec="white" if look.is_filled else look.colour,
            mfc=look.colour if look.is_filled else "white",
            mew=1.0 if look.is_filled else 1.6,
            zorder=5,
            clip_on=False,
        )


def draw_column(figure: Figure, axes: Axes, remedies: Sequence[Remedy]) -> None:
    """Write the names from the highest limit to the lowest, each group joined to its point."""
    top = axes.get_position().y1
    heading = (
        "What would lift the limit, and to how much" if remedies else "No single change lifts it"
    )
    text = figure.text(_LEFT, top + 6 / _height_pt(figure), heading, size=10, weight="bold")
    text.set_color(INK)
    style.shrink(text, RIGHT - _LEFT)
    ordered = sorted(remedies, key=lambda remedy: (remedy.limit_per_s, remedy.ports))
    rows_pt, is_wide = _places(figure, axes, ordered)
    placed = list(zip(ordered, rows_pt, strict=True))
    for remedy, row_pt in placed:
        _write(figure, remedy, row_pt, has_second_line=is_wide)
    for group in _groups(axes, placed):
        _join(figure, axes, group)


def _places(figure: Figure, axes: Axes, ordered: Sequence[Remedy]) -> tuple[list[float], bool]:
    """Return the middle of each row, in points from the card's foot; whether two lines fit."""
    frame = axes.get_position()
    low_pt, high_pt = (edge * _height_pt(figure) for edge in (frame.y0, frame.y1))
    count = len(ordered)
    is_wide = count * _TWO_LINES_PT <= high_pt - low_pt
    gap_pt = _TWO_LINES_PT if is_wide else min(_ONE_LINE_PT, (high_pt - low_pt) / count)
    low_pt, high_pt = low_pt + gap_pt / 2, high_pt - gap_pt / 2
    places = labels.spread([_pixel(axes, r) * _POINTS_IN / style.DPI for r in ordered], gap_pt)
    for index, place in enumerate(places):
        places[index] = max(place, low_pt + index * gap_pt)
    for index, place in enumerate(places):
        places[index] = min(place, high_pt - (count - 1 - index) * gap_pt)
    return places, is_wide


def _groups(axes: Axes, placed: Sequence[Row]) -> list[list[Row]]:
    """Return the rows whose points are drawn at one height, together."""
    groups: list[list[Row]] = []
    last = -math.inf
    for row in placed:
        pixel = _pixel(axes, row[0])
        if (pixel - last) * _POINTS_IN / style.DPI >= _SAME_PT:
            groups.append([])
            last = pixel
        groups[-1].append(row)
    return groups


def _write(figure: Figure, remedy: Remedy, row_pt: float, *, has_second_line: bool) -> None:
    middle = row_pt / _height_pt(figure)
    first = middle + (5 / _height_pt(figure) if has_second_line else 0)
    look = mark(remedy)
    colour = style.as_text(look.colour)
    figure.text(_NAMES - 0.004, first, look.glyph, size=8.5, color=colour, va="center", ha="right")
    rate = figure.text(
        RIGHT, first, style.short_rate(remedy.limit_per_s), size=8.5, color=colour, va="center"
    )
    rate.set(ha="right", weight="bold")
    room = RIGHT - _NAMES - _GAP - style.width_of(rate)
    name = figure.text(_NAMES, first, remedy.name, size=8.5, color=INK, va="center", weight="bold")
    style.shrink(name, room)
    if has_second_line:
        below = middle - 6 / _height_pt(figure)
        to = figure.text(_NAMES, below, remedy.to, size=7.5, color=MUTED, va="center")
        style.shrink(to, RIGHT - _NAMES)


def _join(figure: Figure, axes: Axes, group: Sequence[Row]) -> None:
    """Draw a line from the point of a group, level as far as the frame, to its names."""
    place = height(axes, group[0][0])
    from_ports = min(remedy.ports for remedy, _ in group)
    edge = axes.get_xlim()[1]
    axes.plot((from_ports, edge), (place, place), color=FAINT, lw=0.7, zorder=1.5)
    pixel = _pixel(axes, group[0][0]) / float(figure.bbox.height)
    rows = [row_pt / _height_pt(figure) for _, row_pt in group]
    middle, reach = sum(rows) / len(rows), 5 / _height_pt(figure)
    frame = axes.get_position().x1
    ends = [frame, _LEFT - 0.006], [pixel, middle]
    figure.add_artist(Line2D(*ends, color=FAINT, lw=0.7, solid_capstyle="butt"))
    bracket = [_LEFT - 0.006] * 2, [rows[0] - reach, rows[-1] + reach]
    figure.add_artist(Line2D(*bracket, color=FAINT, lw=1.2))


def _pixel(axes: Axes, remedy: Remedy) -> float:
    """Return how high a remedy is drawn, in pixels from the card's foot."""
    return float(axes.transData.transform((remedy.ports, height(axes, remedy)))[1])


def _height_pt(figure: Figure) -> float:
    return float(figure.get_figheight()) * _POINTS_IN
