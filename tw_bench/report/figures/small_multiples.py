"""A panel a point, side by side over the same kind of axes; at most eight, so that they read."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tw_bench.report.figures import lapse_banner, style
from tw_bench.report.figures.run_data import PointData, Run
from tw_bench.report.figures.style import FAINT, INK, MUTED, VERMILLION, Word

MOST = 8

T = TypeVar("T")

_GRIDS = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (2, 2), 5: (2, 3), 6: (2, 3), 7: (2, 4), 8: (2, 4)}
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.092, 0.965, 0.150, 0.757
_TOP_BELOW_BANNER = 0.697


class Panel(NamedTuple):
    """The axes of one point."""

    point: PointData
    axes: Axes
    text_size: float  # pt; smaller where there are more panels


def choose(points: Sequence[T]) -> tuple[list[T], list[Word]]:
    """Return at most eight of the points, evenly, and the words that say so."""
    if len(points) <= MOST:
        return list(points), []
    step = (len(points) - 1) / (MOST - 1)
    chosen = [points[round(index * step)] for index in range(MOST)]
    return chosen, [Word(f"— {MOST} of {len(points)} points, evenly chosen")]


def is_crowd(run: Run) -> bool:
    """Whether a run compares more points than there are panels: a choice would say little."""
    return run.is_comparison and len(run.points) > MOST


def panels(run: Run, figure: Figure, points: Sequence[PointData], quantity: str) -> list[Panel]:
    """Add a panel for each point, with its window shaded; each has a scale of its own."""
    lapsed = [point.prediction for point in points if point.prediction.time_lapse]
    if lapsed:
        lapse_banner.banner(
            figure, f"tinted panels are {lapse_banner.time_lapse_text(run, lapsed[0])}"
        )
    top = _TOP_BELOW_BANNER if lapsed else _TOP
    rows, columns = _GRIDS[len(points)]
    gap_x, gap_y = 0.056 if columns > 1 else 0, 0.138
    width = (_RIGHT - _LEFT - gap_x * (columns - 1)) / columns
    height = (top - _BOTTOM - gap_y * (rows - 1)) / rows
    size = 7.5 if columns > 3 else 8 if columns > 2 else 9
    made = []
    for index, point in enumerate(points):
        row, column = divmod(index, columns)
        corner = (_LEFT + column * (width + gap_x), top - height - row * (height + gap_y))
        axes = figure.add_axes((*corner, width, height))
        _frame(axes, point, size)
        made.append(Panel(point, axes, size))
    middle = (_BOTTOM + top) / 2
    figure.text(0.026, middle, quantity, rotation=90, size=9.5, color=INK, va="center", ha="center")
    figure.text(
        (_LEFT + _RIGHT) / 2, 0.078, "time since start [s]", size=9.5, color=INK, ha="center"
    )
    return made


def head(panel: Panel, text: str, colour: str = MUTED) -> None:
    """Write above a panel which point it is, and below that, smaller, what came of it."""
    width_pt = panel.axes.get_window_extent().width * 72 / style.DPI
    size = panel.text_size
    name = shortened(panel.point.result.group, int(width_pt / (0.69 * (size + 1))))
    if panel.point.prediction.time_lapse:
        text, colour = f"TIME-LAPSE · {text}" if text else "TIME-LAPSE", style.LAPSED
    if panel.point.result.status == "failed":
        text, colour = f"failed: {panel.point.result.error}", style.as_text(VERMILLION)
        most = int(width_pt / (0.56 * size))
        text = text if len(text) <= most else f"{text[: most - 1]}…"
    line: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "annotation_clip": False,
    }
    panel.axes.annotate(
        name, (0, 1), (0, size + 7), size=size + 1, weight="bold", color=INK, **line
    )
    panel.axes.annotate(text, (0, 1), (0, 4.5), size=size, color=colour, **line)


def shortened(text: str, most: int) -> str:
    """Return a text without its middle, where it is longer than the room for it."""
    return text if len(text) <= most else f"{text[: most - most // 2 - 1]}…{text[-(most // 2) :]}"


def ends_early(point: PointData) -> bool:
    """Whether the rows of a point end before its window does."""
    return point.last_s < point.prediction.duration_s - 2


def _frame(axes: Axes, point: PointData, size: float) -> None:
    """Give a panel its time axis and its window, and say where the rows end too soon."""
    prediction = point.prediction
    style.dress(axes, time_lapse=prediction.time_lapse, size=size)
    axes.set_xlim(0, prediction.duration_s)
    axes.axvspan(
        prediction.fill_s,
        prediction.duration_s,
        color=style.TIME_LAPSE_SHADE if prediction.time_lapse else style.SHADE,
        lw=0,
        zorder=0,
    )
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 3, 5, 6, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    if ends_early(point):
        axes.axvline(point.last_s, ymax=0.78, color=VERMILLION, lw=0.9, ls=(0, (2, 2)))
        axes.annotate(
            f"ends at {point.last_s:.0f} s",
            (point.last_s, 0.5),
            (4, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            size=size,
            color=VERMILLION,
            va="center",
        )
    axes.spines["left"].set_color(FAINT)
