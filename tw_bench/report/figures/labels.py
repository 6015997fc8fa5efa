"""Where texts go so that none covers another."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from tw_bench.report.figures.style import DPI, shrink

_LINE_HEIGHT_PT = 13
# From the left edge of the text: a line that goes a long way down must not cross it.
_LEADER = {"arrowstyle": "-", "lw": 0.8, "shrinkA": 0, "shrinkB": 1, "relpos": (0, 0.5)}


def halo(axes: Axes) -> list[withStroke]:
    """Return the outline that keeps a text readable on top of a line."""
    return [withStroke(linewidth=2.5, foreground=axes.get_facecolor())]


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return positions near `wanted` (ascending) that are at least `gap` apart.

    >>> spread([1.0, 1.1, 5.0], 1.0)
    [0.55, 1.55, 5.0]
    """
    groups = [[value] for value in wanted]
    centre = [float(value) for value in wanted]

    def crowded() -> int | None:
        for index, ((low, below), (high, above)) in enumerate(
            pairwise(zip(centre, groups, strict=True))
        ):
            if high - low < gap * (len(below) + len(above)) / 2 - 1e-9:
                return index
        return None

    while (index := crowded()) is not None:
        merged = groups[index] + groups.pop(index + 1)
        del centre[index + 1]
        groups[index], centre[index] = merged, sum(merged) / len(merged)
    return [
        round(middle + gap * (place - (len(group) - 1) / 2), 9)
        for middle, group in zip(centre, groups, strict=True)
        for place in range(len(group))
    ]


def name_ends(axes: Axes, ends: Iterable[tuple[float, str, str]], width: float = 1.0) -> None:
    """Write beside the panel whose line ends where, each clear of the next.

    Args:
        axes: the panel.
        ends: height in data coordinates, text and colour of each line.
        width: share of the figure's width that a text may take.
    """
    height_pt = axes.get_window_extent().height * 72 / DPI
    to_panel = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    lines = sorted(
        (
            (float(to_panel.transform((x, y))[1]) * height_pt, text, colour)
            for y, text, colour in ends
        ),
        key=lambda end: end[0],
    )
    heights = spread([line_pt for line_pt, *_ in lines], _LINE_HEIGHT_PT)
    labels = []
    for (line_pt, text, colour), text_pt in zip(lines, heights, strict=True):
        label = axes.annotate(
            text,
            (1, line_pt / height_pt),
            (12, text_pt - line_pt),
            xycoords="axes fraction",
            textcoords="offset points",
            size=9,
            weight="bold",
            color=colour,
            va="center",
            arrowprops={**_LEADER, "color": colour},
        )
        shrink(label, width)
        labels.append(label)
    for label in labels:  # all as small as the longest has to be
        label.set_fontsize(min(float(each.get_fontsize()) for each in labels))


class Labels:
    """Texts beside points: each goes to the first of its places that is still free."""

    def __init__(self, axes: Axes) -> None:
        """Begin with nothing taken but what lies outside of the panel."""
        self._axes = axes
        self._taken: list[Bbox] = []

    def keep_free(self, x: float, y: float, radius_pt: float = 4) -> None:
        """Take the place of a marker."""
        centre = self._axes.transData.transform((x, y))
        radius = radius_pt * DPI / 72
        self._taken.append(Bbox([centre - radius, centre + radius]))

    def keep_line(self, x: Sequence[float], y: Sequence[float], radius_pt: float = 1.5) -> None:
        """Take the way of a line through these points."""
        way = self._axes.transData.transform(np.column_stack([x, y]))
        radius = radius_pt * DPI / 72
        for start, end in pairwise(way):
            steps = max(1, int(np.hypot(*(end - start)) / (2 * radius)))
            between = np.linspace(start, end, steps + 1)
            self._taken += [Bbox([middle - radius, middle + radius]) for middle in between]

    def keep_box(self, text: Text) -> None:
        """Take the place of a text that stands already."""
        self._taken.append(text.get_window_extent())

    def add(
        self,
        text: str,
        at: tuple[float, float],
        places: Iterable[tuple[float, float]],
        **style: Any,
    ) -> bool:
        """Write `text` at one of `places` (points from `at`), or not at all."""
        for x, y in places:
            label = self._axes.annotate(
                text,
                at,
                (x, y),
                textcoords="offset points",
                ha="left" if x > 0 else "right" if x < 0 else "center",
                va="center" if abs(y) < 4 else "bottom" if y > 0 else "top",
                **style,
            )
            box = label.get_window_extent()
            frame = self._axes.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0
            if inside and box.y1 <= frame.y1 and not box.count_overlaps(self._taken):
                self._taken.append(box)
                return True
            label.remove()
        return False
