"""Places of a picture that say their values: under the pointer in an SVG, nowhere else.

A hit is an artist that draws nothing, so a PNG is the same with it and without. In the SVG it
becomes a shape without ink that has its text twice: as `data-tip` for a page with a script, and as
`<title>`, which every browser shows by itself.
"""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

MOST = 400  # in one picture: each is about 200 bytes

Place = float | tuple[float, float] | None  # at, from and to, or from end to end of the panel

_RADIUS_PT = 8  # of a single mark: as large as a finger finds it
_LEAST_PT = 1  # of one in a crowd, of which each has the place that is nearest to it
_PT_IN = 72


class Hit(Artist):
    """A place in data coordinates, and what is said there."""

    def __init__(self, x: Place, y: Place, text: str) -> None:
        super().__init__()
        self.x, self.y, self.text = x, y, text

    def draw(self, renderer: RendererBase) -> None:
        """Draw nothing."""


def hit(axes: Axes, x: Place, y: Place, text: str) -> None:
    """Let a place of a panel say its values; `text` may have several lines.

    Two numbers are a mark and get a circle around it, as large as its neighbours let it; else it
    is a box, of which a side that is None goes from end to end of the panel.
    """
    axes.add_artist(Hit(x, y, text))


def with_hits(figure: Figure, svg: str) -> str:
    """Return the figure's SVG with its hits on top of everything else."""
    found = [one for one in figure.findobj(Hit) if isinstance(one, Hit)]
    if not found:
        return svg
    head, end, tail = svg.rpartition("</svg>")
    shapes = "\n".join(_shapes(found))
    return f'{head}<g class="tips" fill="none" pointer-events="all">\n{shapes}\n</g>\n{end}{tail}'


def _shapes(found: Sequence[Hit]) -> Iterator[str]:
    """Yield a shape for each hit; circles leave each other what lies nearer to the other."""
    marks = [_corners(one) for one in found if _is_mark(one)]
    middles = [(left, top) for (left, _), (top, _) in marks]
    for one in found:
        (left, _), (top, _) = _corners(one)
        apart = (math.dist((left, top), other) for other in middles)
        nearest = min((pt for pt in apart if pt > 0), default=math.inf)
        yield _shape(one, max(_LEAST_PT, min(_RADIUS_PT, nearest / 2)))


def _is_mark(one: Hit) -> bool:
    return isinstance(one.x, int | float) and isinstance(one.y, int | float)


def _shape(one: Hit, radius_pt: float) -> str:
    said = f'class="tip" data-tip={quoteattr(one.text, {chr(10): "&#10;"})}'
    title = f"<title>{escape(one.text)}</title>"
    (left, right), (low, high) = _corners(one)
    if not _is_mark(one):
        size = f'width="{right - left:.1f}" height="{high - low:.1f}"'
        return f'<rect {said} x="{left:.1f}" y="{low:.1f}" {size}>{title}</rect>'
    return f'<circle {said} cx="{left:.1f}" cy="{low:.1f}" r="{radius_pt:.3g}">{title}</circle>'


def _corners(one: Hit) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (left, right) and (top, bottom) in points of the SVG, from its top left corner."""
    axes = one.axes
    assert axes is not None
    figure = axes.get_figure(root=True)
    assert figure is not None
    frame, to_pt = axes.get_window_extent(), _PT_IN / figure.dpi
    x = (one.x, one.x) if isinstance(one.x, int | float) else one.x or axes.get_xlim()
    y = (one.y, one.y) if isinstance(one.y, int | float) else one.y or axes.get_ylim()
    (x0, y0), (x1, y1) = axes.transData.transform([(x[0], y[0]), (x[1], y[1])])
    # What lies beyond the panel's edge is met at the edge.
    left, right = (min(max(at, frame.x0), frame.x1) * to_pt for at in sorted((x0, x1)))
    bottom, top = (min(max(at, frame.y0), frame.y1) * to_pt for at in sorted((y0, y1)))
    height_pt = float(figure.get_figheight()) * _PT_IN
    return (left, right), (height_pt - top, height_pt - bottom)
