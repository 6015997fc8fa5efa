"""The bars of the remedies picture: each way's goodput, parted as its TIME_WAIT was."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from tw_bench.report.comparison import factor, factor_text, is_at_least
from tw_bench.report.figures import labels, style
from tw_bench.report.figures.fates import BOTH, FATES, SERVER, shares
from tw_bench.report.figures.remedy_rows import Row
from tw_bench.report.figures.run_data import PointData
from tw_bench.report.figures.small_multiples import shortened
from tw_bench.report.figures.style import INK, LEFT, MUTED, RIGHT

ROW_IN = 0.187  # the lowest row that reads on a slide; more rows make a taller card
TOP_IN, BOTTOM_IN = 1.28, 0.56  # of the bars
_TALLEST_ROW_IN = 0.5
_BAR = 0.72  # of a row
_NAMES, _HOLD, _BARS, _BARS_END = 0.361, 0.424, 0.440, 0.900  # shares of the width
_NAMES_WIDTH = 0.166  # share of the width; a longer name is written smaller
_LONGEST_NAME = 30  # characters
_TWO_LINES_PT = 24
_WIDE_DECADE_PT = 75  # enough for ticks within it
_MOST_WORDS = 0.7  # of the bars' width


def panel(figure: Figure, rows: Sequence[Row]) -> Axes:
    """Return axes whose y counts rows from the top, and whose x is the goodput."""
    height_in = float(figure.get_figheight())
    count = rows[-1].y + 1
    used_in = min(height_in - TOP_IN - BOTTOM_IN, count * _TALLEST_ROW_IN)
    bottom = 1 - (TOP_IN + used_in) / height_in
    axes = figure.add_axes((_BARS, bottom, _BARS_END - _BARS, used_in / height_in))
    style.dress(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_facecolor(style.CARD)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    _scale(axes, rows)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.annotate(
        "goodput [transactions/s], logarithmic",
        (_HOLD, 0),
        (0, -4),
        xycoords=("figure fraction", "axes fraction"),
        annotation_clip=False,
        textcoords="offset points",
        ha="right",
        va="top",
        size=8.5,
        color=INK,
    )
    return axes


def _scale(axes: Axes, rows: Sequence[Row]) -> None:
    """Make the axis so long that behind each bar there is room for its words."""
    ends = [end for row in rows for end in (row.per_s, row.end_per_s) if end]
    low, high = min(ends, default=1.0) / 3, max(ends, default=1.0)
    width_pt = axes.get_window_extent().width * 72 / style.DPI
    size = _text_pt(axes)
    decades = math.log10(high / low)
    for row in rows:
        words_pt = size * (0.69 * len(row.number) + 0.58 * len(row.words)) + _bar_pt(axes) + 10
        share = 1 - min(words_pt / width_pt, _MOST_WORDS)
        decades = max(decades, math.log10(max(row.end_per_s, low) / low) / share)
    axes.set_xscale("log")
    axes.set_xlim(low, low * 10**decades)
    axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high, width_pt / decades)))


def _ticks(low: float, high: float, decade_pt: float) -> list[float]:
    """Return round numbers between two, so many that no two touch."""
    steps = (1, 2, 5) if decade_pt > _WIDE_DECADE_PT else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        step * 10.0**decade
        for decade in decades
        for step in steps
        if low < step * 10.0**decade <= high
    ]


def draw_bar(axes: Axes, row: Row) -> None:
    """Draw the goodput; the bar's height is parted as the connections are."""
    low = axes.get_xlim()[0]
    found = shares(row.point)
    if row.point.prediction.time_lapse:
        axes.axhspan(row.y - 0.5, row.y + 0.5, color=style.TIME_LAPSE_SHADE, lw=0, zorder=0)
    top = row.y - _BAR / 2
    for name, kind in FATES.items():
        height = _BAR * found.get(name, 0.0)
        if height and row.per_s:
            bar = Rectangle((low, top), row.per_s - low, height, color=kind.colour, lw=0, zorder=2)
            axes.add_patch(bar)
            top += height
    if is_at_least(row.point.result) and found:
        _draw_arrow(axes, row, FATES[max(found, key=lambda name: found[name])].colour)
    limit = row.near_limit_per_s
    if limit:
        reach = _BAR / 2 + 0.12
        axes.plot((limit, limit), (row.y - reach, row.y + reach), color=INK, lw=1.8, zorder=4)


def _draw_arrow(axes: Axes, row: Row, colour: str) -> None:
    """Draw an open head before the bar's end: it would go on."""
    size = 0.92 * _bar_pt(axes)
    shift = ScaledTranslation(size / 2 / 72, 0, axes.figure.dpi_scale_trans)
    axes.plot(
        row.per_s,
        row.y,
        ">",
        color=style.CARD,
        mec=colour,
        mew=1.4,
        ms=size,
        zorder=4,
        transform=axes.transData + shift,
    )


def _text_pt(axes: Axes) -> float:
    """Return the size of a row's texts."""
    return min(10.0, 0.86 * _bar_pt(axes))


def _bar_pt(axes: Axes) -> float:
    """Return the height of a bar in points."""
    low, high = sorted(axes.get_ylim())
    return _BAR * axes.get_window_extent().height * 72 / style.DPI / (high - low)


def name_bar(axes: Axes, row: Row, first: PointData) -> None:
    """Write which part it is, how long a port is away, and behind the bar what came of it."""
    size = _text_pt(axes)
    point, result = row.point, row.point.result
    is_first = point is first
    line: dict[str, Any] = {
        "xycoords": ("figure fraction", "data"),
        "va": "center_baseline",
        "annotation_clip": False,
        "size": size,
    }
    weight = "bold" if is_first else "normal"
    text = shortened(result.part, _LONGEST_NAME)
    name = axes.annotate(text, (_NAMES, row.y), ha="right", color=INK, weight=weight, **line)
    style.shrink(name, _NAMES_WIDTH)
    hold_s = point.prediction.hold_s
    lapse = point.prediction.time_lapse
    axes.annotate(
        f"{round(hold_s, 2):g} s" if hold_s else "–",
        (_HOLD, row.y),
        ha="right",
        color=style.LAPSED if lapse else MUTED,
        weight="bold" if lapse else "normal",
        **line,
    )
    times = factor(result, first.result)
    if times is not None:
        least = "≥ " if result.verdict != "port-bound" and not is_first else ""
        text = f"{least}{factor_text(times)}"
        axes.annotate(text, (RIGHT, row.y), ha="right", color=INK, weight=weight, **line)
    _name_end(axes, row, size)


def _name_end(axes: Axes, row: Row, size: float) -> None:
    """Write behind the bar, or behind its predicted limit, the goodput and how it ended."""
    end = row.end_per_s or axes.get_xlim()[0]
    is_open = is_at_least(row.point.result)
    gap = 5.0 + (0.95 * _bar_pt(axes) if is_open and end == row.per_s else 0)
    place: dict[str, Any] = {
        "va": "center_baseline",
        "size": size,
        "zorder": 5,
        "path_effects": labels.halo(axes),
    }
    number = axes.annotate(
        row.number,
        (end, row.y),
        (gap, 0),
        textcoords="offset points",
        weight="bold",
        color=INK,
        **place,
    )
    width_pt = number.get_window_extent().width * 72 / style.DPI if row.number else 0
    axes.annotate(
        row.words,
        (end, row.y),
        (gap + width_pt + 5, 0),
        textcoords="offset points",
        color=MUTED,
        **place,
    )


def draw_baseline(axes: Axes, first: PointData) -> None:
    """Draw the first one's goodput through all rows, and the heads of the columns."""
    measured = first.result.measured
    if measured is not None and measured.goodput_per_s:
        axes.axvline(measured.goodput_per_s, color=INK, lw=1.0, ls=(0, (4, 3)), zorder=3)
    heads = (
        (LEFT, "left", "TIME_WAIT"),
        (_HOLD, "right", "port held"),
        (RIGHT, "right", f"× {first.result.part}"),
    )
    for x, side, text in heads:
        axes.annotate(
            text,
            (x, -0.5),
            (0, 7),
            xycoords=("figure fraction", "data"),
            textcoords="offset points",
            ha=side,
            size=8.5,
            color=MUTED,
            annotation_clip=False,
        )


def name_group(figure: Figure, axes: Axes, group: Sequence[Row]) -> None:
    """Write beside its rows where TIME_WAIT went, in the colour of the bars."""
    kind = FATES[group[0].fate]
    top, bottom = group[0].y - 0.5, group[-1].y + 0.5
    to_figure = axes.transData + figure.transFigure.inverted()
    low = axes.get_xlim()[0]
    (_, high_y), (_, low_y) = to_figure.transform([(low, top + 0.08), (low, bottom - 0.08)])
    colours = [kind.colour, FATES[SERVER].colour] if group[0].fate == BOTH else [kind.colour]
    height = (high_y - low_y) / len(colours)
    for index, colour in enumerate(colours):
        corner = (LEFT, high_y - height * (index + 1))
        figure.add_artist(Rectangle(corner, 0.005, height, color=colour, lw=0))
    at = (LEFT + 0.013, (top + bottom) / 2)
    has_room = _bar_pt(axes) / _BAR * (bottom - top) > _TWO_LINES_PT
    line: dict[str, Any] = {
        "xycoords": ("figure fraction", "data"),
        "textcoords": "offset points",
        "annotation_clip": False,
        "va": "center_baseline",
    }
    bold: dict[str, Any] = {"weight": "bold", "color": style.as_text(kind.colour)}
    axes.annotate(group[0].fate, at, (0, 6 if has_room else 0), size=10, **bold, **line)
    if has_room:
        axes.annotate(kind.meaning, at, (0, -7), size=8, color=MUTED, **line)
