"""The picture of a comparison: how far each rate is from the base, with its interval.

A forest plot (Lewis and Clarke, BMJ 322, 2001): an interval that crosses zero shows no difference.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tw_bench import __version__
from tw_bench.report import compare_words as words
from tw_bench.report.figures import one_file, style
from tw_bench.report.figures.small_multiples import shortened
from tw_bench.report.figures.style import GREEN, INK, LEFT, MUTED, RIGHT, VERMILLION, Word
from tw_bench.results.compare_document import Change, Comparison, Effect, Pair
from tw_bench.results.compare_metrics import FOUND, GOODPUT

_ROW_IN, _TALLEST_IN = 0.2, 0.42  # of a side in a row; of a row
_LOWEST = 0.6  # of a 16:9 card
_TOP_IN, _BOTTOM_IN = 1.2, 0.8
_PLOT, _PLOT_END = 0.30, 0.84  # shares of the width
_MOST_ROWS = 60
_LONGEST_NAME = 38
_SLOT = 0.7  # of a row: what the sides share
_MARGIN = 0.06  # of what the differences span
_LONGEST_SIDE = 14


class _Look(NamedTuple):
    colour: str
    marker: str
    glyph: str
    meaning: str


_LOOKS: dict[Effect, _Look] = {
    "worse": _Look(VERMILLION, "v", "▼", "lower"),
    "better": _Look(GREEN, "^", "▲", "higher"),
    "negligible": _Look(MUTED, "d", "◆", "negligible"),
    "none": _Look(MUTED, "o", "●", "no significant difference"),
    "same": _Look(MUTED, "s", "■", "the same"),
    "unjudged": _Look(INK, "x", "✖", "not judged: too few measurements"),
}


def draw_comparison(comparison: Comparison, path: Path) -> Path:
    """Draw a comparison into a file and return its path; the same one gives the same bytes.

    Raises:
        ProfileError, ResultsError: as of one_file.write.
    """
    return one_file.write(lambda: figure(comparison), path)


def figure(comparison: Comparison) -> Figure:
    """Return the picture of a comparison, the worst points first."""
    rates = [_rates(pair) for pair in comparison.pairs]
    names = list(dict.fromkeys(change.point for side in rates for change in side))
    shown = names[:_MOST_ROWS]
    rows_in = len(shown) * len(rates) * _ROW_IN
    height_in = max(style.SIZE_IN[1] * _LOWEST, _TOP_IN + _BOTTOM_IN + rows_in)
    card = style.blank_card(
        _title(comparison), _legend(rates), _origin(comparison, len(names)), height_in
    )
    axes = _panel(card, comparison, rates, len(shown))
    for number, side in enumerate(rates):
        offset = _SLOT * ((number + 0.5) / len(rates) - 0.5)
        of_whom = comparison.pairs[number].other if len(rates) > 1 else ""
        for change in side:
            if change.point in shown:
                _draw(axes, change, shown.index(change.point) + offset, of_whom)
    for row, name in enumerate(shown):
        _name(axes, name, row)
    return card


def _rates(pair: Pair) -> list[Change]:
    return [one for one in pair.changes if one.metric in (GOODPUT, FOUND)]


def _title(comparison: Comparison) -> str:
    """Return the finding, or that there are several."""
    if len(comparison.pairs) > 1:
        return f"{len(comparison.pairs)} sides against {comparison.sides[0].name}"
    (pair,) = comparison.pairs
    return words.rates_text(pair, comparison.smallest)


def _legend(rates: Sequence[Sequence[Change]]) -> list[Word]:
    """Return what the marks mean, of those that are there."""
    found = {change.effect for side in rates for change in side if change.is_share}
    entries = [
        Word(f"{look.glyph} {look.meaning}", style.as_text(look.colour), bold=True)
        for effect, look in _LOOKS.items()
        if effect in found
    ]
    if any(change.interval and change.is_share for side in rates for change in side):
        entries.append(Word("━ 95 % interval"))
    # A word of nothing between two entries sets them apart.
    return [word for entry in entries for word in (entry, Word(""), Word(""))]


def _origin(comparison: Comparison, points: int) -> list[str]:
    base, *others = comparison.sides
    left_out = [f"{_MOST_ROWS} of {points} points"] if points > _MOST_ROWS else []
    sides = [f"base {base.name}", *(side.name for side in others)]
    return [*sides, *left_out, f"tw-bench {__version__}"]


def _panel(
    card: Figure, comparison: Comparison, rates: Sequence[Sequence[Change]], rows: int
) -> Axes:
    """Return axes whose y counts points from the top, and whose x is percent."""
    height_in = float(card.get_figheight())
    used_in = min(height_in - _TOP_IN - _BOTTOM_IN, max(1, rows) * _TALLEST_IN)
    bottom = 1 - (_TOP_IN + used_in) / height_in
    axes = card.add_axes((_PLOT, bottom, _PLOT_END - _PLOT, used_in / height_in))
    style.dress(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(1, rows) - 0.5, -0.5)
    axes.set_yticks([])
    ends = [end for side in rates for one in side for end in _ends(one)]
    least = 2 * comparison.smallest
    low, high = min([-least, *ends]), max([least, *ends])
    margin = _MARGIN * (high - low)
    axes.set_xlim(100 * (low - margin), 100 * (high + margin))
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+,.6g}" if value else "0")
    )
    smallest = 100 * comparison.smallest
    axes.axvspan(-smallest, smallest, color=style.SHADE, lw=0, zorder=0)
    axes.axvline(0, color=INK, lw=1.0, zorder=1)
    quantity = (
        "clean rate" if any(one.metric == FOUND for side in rates for one in side) else "goodput"
    )
    axes.set_xlabel(
        f"difference in {quantity} from {comparison.sides[0].name} [%]; "
        f"shaded: below {smallest:g} %, negligible",
        size=8.5, color=INK, labelpad=5,
    )  # fmt: skip
    return axes


def _ends(change: Change) -> Iterator[float]:
    if change.is_share:
        yield change.difference
        yield from change.interval or ()


def _draw(axes: Axes, change: Change, y: float, of_whom: str) -> None:
    """Draw one difference, its interval, and behind the panel the number and whose it is.

    Where the base has none there is no percentage, and so no place for a mark.
    """
    look = _LOOKS.get(change.effect, _LOOKS["none"])
    if change.interval is not None and change.is_share:
        low, high = change.interval
        axes.plot((100 * low, 100 * high), (y, y), color=look.colour, lw=2.0, zorder=3)
    if change.is_share:
        x = 100 * change.difference
        axes.plot(x, y, look.marker, color=look.colour, ms=6, mew=1.6, zorder=4)
    text = words.zero_text(change) or words.difference_text(change)
    number = f"{shortened(of_whom, _LONGEST_SIDE)}  {text}".lstrip()
    _beside(axes, RIGHT, y, number, "right", style.as_text(look.colour))


def _name(axes: Axes, name: str, row: int) -> None:
    text = _beside(axes, LEFT, row, shortened(name, _LONGEST_NAME), "left", INK)
    style.shrink(text, _PLOT - LEFT - 0.01)


def _beside(axes: Axes, x: float, y: float, text: str, side: str, colour: str) -> Any:
    return axes.annotate(
        text, (x, y), xycoords=("figure fraction", "data"), ha=side, va="center_baseline",
        size=8.5, color=colour, annotation_clip=False,
    )  # fmt: skip
