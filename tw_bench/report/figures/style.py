"""The look that all pictures share: colours, card, words in colour, and labels that never collide.

Figures are made without pyplot, so that nothing is global but `settings`.
"""

import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from tw_bench.report.figures.hits import with_hits
from tw_bench.report.figures.run_data import Run
from tw_bench.results.repetitions import repetitions_text

SIZE_IN = (10.0, 5.625)  # 16:9
DPI = 160

# Okabe and Ito, Color Universal Design (2008): told apart by every kind of colour vision.
BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"

INK, MUTED, FAINT = "#1B1B1B", "#5C6066", "#A3A6AA"
CARD, PLOT, GRID, SHADE = "#FAF9F5", "#FFFFFF", "#E9E7E0", "#F3F1EA"
TIME_LAPSE_PLOT, TIME_LAPSE_SHADE, LAPSED = "#FFFBF0", "#FDF3DC", "#9A5B00"
BANNER, WRONG_FACE = "#F0B429", "#FBE6DA"

# From few to many: viridis (van der Walt and Smith, 2015), without its yellow end.
STEPS = (
    "#58C765", "#2AB07F", "#1F978B", "#277E8E", "#32648E", "#3F4788", "#482677", "#440154",
)  # fmt: skip

# Suffix → what is said in a file of that kind: nothing that another day would change.
METADATA: dict[str, dict[str, str | None]] = {
    ".svg": {"Date": None, "Creator": "tw-bench"},
    ".png": {"Software": "tw-bench"},
}


class Look(NamedTuple):
    """How a verdict is drawn: never by colour alone."""

    colour: str
    marker: str
    glyph: str  # the marker in a line of text


VERDICTS = {
    "port-bound": Look(BLUE, "o", "●"),
    "offered-load-bound": Look(GREEN, "s", "■"),
    "generator-bound": Look(VERMILLION, "^", "▲"),
    "target-bound": Look(PURPLE, "D", "◆"),
    "unlimited": Look(SKY, "v", "▼"),
}
NO_VERDICT = Look(FAINT, "X", "✖")
_TEXT_COLOURS = {
    SKY: "#1E6D9B",
    GREEN: "#007756",
    ORANGE: "#8E5A00",
    VERMILLION: "#AF4A00",
    PURPLE: "#A0487A",
    FAINT: MUTED,
    STEPS[0]: "#2B7A33",
    STEPS[1]: "#187350",
    STEPS[2]: "#17706A",
    STEPS[3]: "#206A79",
}

LEFT, RIGHT = 0.04, 0.965  # where text begins and ends, as a share of the width
HEAD_IN, FOOT_IN = 0.84, 0.29  # of a card: the finding and its words; its origin
_NO_GLYPH = "Glyph .* missing from font|Matplotlib currently does not support"
_MILLION = 1e6  # from here on a number is said in millions
_TITLE_TOP, _WORDS_BASE, _FOOTER = 0.952, 0.854, 0.032  # on a 16:9 card


class Word(NamedTuple):
    """A piece of a line that may have a colour of its own."""

    text: str
    colour: str = MUTED
    bold: bool = False


class Card(Figure):
    """A picture that knows what it says in words, for those who do not see it."""

    def __init__(self, title: str, words: Sequence[Word], height_in: float) -> None:
        super().__init__(figsize=(SIZE_IN[0], height_in), dpi=DPI, facecolor=CARD)
        self.title = title
        self.words = [*words]
        self.head_and_foot: list[Text] = []  # what a page around the picture says itself


def rate_text(per_s: float) -> str:
    """Return a rate with about four digits."""
    return f"{per_s:,.{0 if per_s >= 1_000 else 1 if per_s >= 100 else 2}f}/s"


def short_number(value: float) -> str:
    """Return a number with four digits, all of those before the point, and no zero at the end.

    >>> short_number(300.0), short_number(909.88), short_number(89_841.4), short_number(0.021728)
    ('300', '909.9', '89,841', '0.02173')
    >>> short_number(1e6), short_number(12_941_176.5)
    ('1 M', '12.94 M')
    """
    if abs(value) >= _MILLION:
        return f"{short_number(value / _MILLION)} M"
    digits = 3 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short_rate(per_s: float) -> str:
    """Return a rate as short as it can be said.

    >>> short_rate(300.0), short_rate(40_960.0)
    ('300/s', '40,960/s')
    """
    return f"{short_number(per_s)}/s"


def steps(count: int) -> list[str]:
    """Return as many colours of the scale, at most all of them, as far apart as there are.

    >>> len(steps(8)), steps(2) == [STEPS[0], STEPS[-1]], steps(1) == [STEPS[0]]
    (8, True, True)
    """
    last = len(STEPS) - 1
    return [STEPS[round(index * last / max(1, count - 1))] for index in range(count)]


def as_text(colour: str) -> str:
    """Return a colour as a text needs it on the card: dark enough to read."""
    return _TEXT_COLOURS.get(colour, colour)


@contextmanager
def settings() -> Iterator[None]:
    """Draw by our settings alone, whatever a matplotlibrc on this machine says."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        # What others wrote may have a `$`, and letters that the font has not: these are boxes then.
        matplotlib.rc("text", parse_math=False)
        warnings.filterwarnings("ignore", _NO_GLYPH, UserWarning)
        # The font ships with matplotlib; as paths, a text reads the same in every viewer; the salt
        # makes the same run give the same bytes.
        matplotlib.rc("font", family="DejaVu Sans", size=9)
        matplotlib.rc("svg", fonttype="path", hashsalt="tw-bench")
        yield


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as SVG and PNG, byte for byte the same each time; return both paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(suffix) for suffix in METADATA]
    paths[0].write_text(as_svg(figure), encoding="utf-8")
    figure.savefig(paths[1], metadata=METADATA[".png"])
    return paths


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG document, byte for byte the same each time."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=METADATA[".svg"])
    return with_hits(figure, text.getvalue())


def key(colour: str, text: str) -> list[Word]:
    """Return the words that name a colour."""
    return [Word("■", colour), Word(text, as_text(colour), bold=True)]


def card(run: Run, title: str, words: Sequence[Word], height_in: float = SIZE_IN[1]) -> Card:
    """Return the card of a run, which says where it comes from and whether it is whole."""
    figure = blank_card(title, words, origin(run), height_in)
    if run.summary.status != "complete":
        note = f"This run is {run.summary.status}: what is shown is what it had kept."
        figure.head_and_foot.append(
            figure.text(
                RIGHT, _FOOTER, note,
                size=7.5, color=VERMILLION, weight="bold", va="bottom", ha="right",
            )
        )  # fmt: skip
    return figure


def blank_card(
    title: str, words: Sequence[Word], origin: Sequence[str], height_in: float = SIZE_IN[1]
) -> Card:
    """Return an empty figure with its finding, one line that explains it, and its origin."""
    figure = Card(title, words, height_in)
    FigureCanvasAgg(figure)

    def from_top(share: float) -> float:
        return 1 - (1 - share) * SIZE_IN[1] / height_in

    top = from_top(_TITLE_TOP)
    line = figure.text(LEFT, top, title, size=17, weight="bold", color=INK, va="top")
    shrink(line, RIGHT - LEFT)
    texts = write_words(figure, LEFT, from_top(_WORDS_BASE), words, size=10)
    foot = figure.text(LEFT, _FOOTER, "   ·   ".join(origin), size=7.5, color=MUTED, va="bottom")
    shrink(foot, RIGHT - LEFT)
    figure.head_and_foot = [line, *texts, foot]
    return figure


def origin(run: Run) -> list[str]:
    """Return where a picture comes from, for its foot."""
    host = run.manifest.host
    version = host.get("tw_bench") or run.manifest.versions.get("tw-bench", "")
    return [
        run.manifest.name,
        *filter(None, [repetitions_text(run.summary.points)]),
        *run.proxies,
        f"Linux {host.get('kernel', '?')}",
        f"HZ {host.get('hz', '?')}",
        run.manifest.started_at[:10],
        f"tw-bench {version}".strip(),
    ]


def write_words(
    figure: Figure, x: float, y: float, words: Iterable[Word], size: float
) -> list[Text]:
    """Write the words in one line, each in its colour, smaller where they would not fit."""
    texts = [
        figure.text(
            x,
            y,
            word.text,
            color=word.colour,
            size=size,
            va="baseline",
            weight="bold" if word.bold else "normal",
        )
        for word in words
    ]
    gap = 0.42 * size / 72 / SIZE_IN[0]
    total = sum(width_of(text) for text in texts) + gap * (len(texts) - 1)
    scale = min(1.0, (RIGHT - x) / total) if total else 1.0
    for text in texts:
        text.set_fontsize(size * scale)
        text.set_position((x, y))
        x += width_of(text) + gap * scale
    return texts


def dress(axes: Axes, *, time_lapse: bool = False, size: float = 8.5) -> None:
    """Give a panel its frame, its grid and its small figures."""
    axes.set_facecolor(TIME_LAPSE_PLOT if time_lapse else PLOT)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=size, labelcolor=MUTED, pad=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
        spine.set_linewidth(0.8)


def width_of(text: Text) -> float:
    """Return the share of the figure's width that a text takes."""
    return float(text.get_window_extent().width) / (SIZE_IN[0] * DPI)


def shrink(text: Text, width: float) -> None:
    """Make a text small enough for a share of the figure's width."""
    now = width_of(text)
    if now > width:
        text.set_fontsize(float(text.get_fontsize()) * width / now)
