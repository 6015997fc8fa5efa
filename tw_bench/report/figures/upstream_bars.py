"""The bars and the columns of the upstreams picture."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from tw_bench.report.comparison import is_at_least
from tw_bench.report.figures import labels, style
from tw_bench.report.figures.small_multiples import shortened
from tw_bench.report.figures.style import INK, LEFT, MUTED, SKY, VERMILLION
from tw_bench.report.figures.upstream_rows import Row

ROW_IN = 0.44  # the lowest row that reads on a slide; more rows make a taller card
TOP_IN, BOTTOM_IN = 1.40, 0.78  # of the rows

_TALLEST_ROW_IN = 0.62
_BARS_END = 0.405  # share of the width
_BAR_TOP, _BAR_BOTTOM = -0.08, 0.36  # of a row, from its middle
_NAME = -0.30
_LONGEST_NAME = 32  # characters
_ROOM = 1.08  # times the longest bar: for the open head of those that could give more
_LINE_PT = 11  # from one line of a head to the next
_TITLE_PT = 7.5
_SHORTEST_TITLE = 12  # characters: with less room it is left out


class Column(NamedTuple):
    """A column of figures beside the bars; x is the edge that its texts share."""

    x: float
    width: float  # shares of the figure's width
    side: str  # left or right
    head: tuple[str, str]
    is_bold: bool = False


def columns(proxy: str) -> list[Column]:
    """Return the columns, in the order of Row.cells."""
    return [
        Column(0.466, 0.054, "right", ("predicted", "limit [1/s]")),
        Column(0.532, 0.060, "right", ("right", "[1/s]"), is_bold=True),
        Column(0.590, 0.054, "right", ("errors", "[%]")),
        Column(0.658, 0.060, "right", ("upstream", "opened")),
        Column(0.716, 0.052, "right", ("requests", "on each")),
        Column(0.733, 0.090, "left", ("closes", "first")),
        Column(0.909, 0.080, "right", ("TIME_WAIT at the end:", f"{proxy}, of its ports")),
        Column(0.965, 0.050, "right", ("", "target")),
    ]


def panel(figure: Figure, rows: Sequence[Row]) -> Axes:
    """Return axes whose y counts rows from the top, and whose x is responses a second."""
    height_in = float(figure.get_figheight())
    used_in = min(height_in - TOP_IN - BOTTOM_IN, len(rows) * _TALLEST_ROW_IN)
    bottom = 1 - (TOP_IN + used_in) / height_in
    axes = figure.add_axes((LEFT, bottom, _BARS_END - LEFT, used_in / height_in))
    style.dress(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_facecolor(style.CARD)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0, _ROOM * max([row.total_per_s for row in rows if row.total_per_s], default=1))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel("responses a second [1/s]", size=8.5, color=INK, labelpad=3)
    return axes


def draw_row(axes: Axes, row: Row) -> None:
    """Draw what was right, behind it what was not, and the predicted limit where it is near."""
    top, height = row.y + _BAR_TOP, _BAR_BOTTOM - _BAR_TOP
    right, wrong = row.right_per_s, row.wrong_per_s
    axes.add_patch(Rectangle((0, top), right, height, color=SKY, lw=0, zorder=2))
    if wrong:
        look: dict[str, Any] = {
            "fc": style.WRONG_FACE,
            "ec": VERMILLION,
            "hatch": "/////",
            "lw": 0.7,
        }
        axes.add_patch(Rectangle((right, top), wrong, height, zorder=2, **look))
    if is_at_least(row.point.result):
        _draw_head(axes, row)
    limit = row.limit_per_s
    if row.total_per_s and limit is not None and limit <= axes.get_xlim()[1]:
        ends = (top - 0.05, top + height + 0.05)
        axes.plot((limit, limit), ends, color=INK, lw=2.2, zorder=4, solid_capstyle="butt")


def _draw_head(axes: Axes, row: Row) -> None:
    """Draw an open head behind the bar: it would go on."""
    size = 0.62 * (_BAR_BOTTOM - _BAR_TOP) * _row_pt(axes)
    shift = ScaledTranslation(size / 2 / 72, 0, axes.figure.dpi_scale_trans)
    axes.plot(
        row.total_per_s,
        row.y + (_BAR_TOP + _BAR_BOTTOM) / 2,
        ">",
        color=style.CARD,
        mec=SKY,
        mew=1.4,
        ms=size,
        zorder=4,
        clip_on=False,
        transform=axes.transData + shift,
    )


def _row_pt(axes: Axes) -> float:
    """Return the height of a row in points."""
    low, high = sorted(axes.get_ylim())
    return float(axes.get_window_extent().height) * 72 / style.DPI / (high - low)


def name_row(axes: Axes, row: Row) -> None:
    """Write above the bar which way it is, and, smaller, what its profile says of it."""
    line: dict[str, Any] = {
        "xycoords": ("figure fraction", "data"),
        "va": "center_baseline",
        "annotation_clip": False,
        "path_effects": labels.halo(axes),
    }
    text = shortened(row.name, _LONGEST_NAME)
    at = row.y + _NAME
    name = axes.annotate(text, (LEFT, at), size=9.5, weight="bold", color=INK, **line)
    x = LEFT + style.width_of(name) + 0.010
    title = row.words
    most = int((_BARS_END - x) * style.SIZE_IN[0] * 72 / (0.53 * _TITLE_PT))
    if title and most >= _SHORTEST_TITLE:
        short = textwrap.shorten(title, most, placeholder=" …")
        words = axes.annotate(short, (x, at), size=_TITLE_PT, color=MUTED, **line)
        style.shrink(words, _BARS_END - x)


def write_cells(axes: Axes, row: Row, heads: Sequence[Column]) -> None:
    """Write the figures of a row beside its bar, each within its column."""
    for column, text in zip(heads, row.cells, strict=True):
        is_error = column.head[0] == "errors" and row.wrong_per_s > 0
        cell = axes.annotate(
            text,
            (column.x, row.y + (_BAR_TOP + _BAR_BOTTOM) / 2),
            xycoords=("figure fraction", "data"),
            ha=column.side,
            va="center_baseline",
            annotation_clip=False,
            size=9.5,
            weight="bold" if column.is_bold or is_error else "normal",
            color=style.as_text(VERMILLION) if is_error else INK,
        )
        style.shrink(cell, column.width)


def write_heads(axes: Axes, heads: Sequence[Column]) -> None:
    """Write above the first row what each column holds."""
    for column in heads:
        for text, up in zip(column.head, (_LINE_PT, 0), strict=True):
            axes.annotate(
                text,
                (column.x, -0.5),
                (0, 3 + up),
                xycoords=("figure fraction", "data"),
                textcoords="offset points",
                ha=column.side,
                size=8,
                color=MUTED,
                annotation_clip=False,
            )
