"""Text for a terminal: tables of figures that give up columns where it is narrow, and safe words.

Lines are put together by hand and not by rich.table: the live display redraws them while the
load runs on the same processors. No text is ever read as markup.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tw_bench.units import rate_text

DASH = "\N{EN DASH}"  # no figure
TIME_LAPSE = "time-lapse, not the real pace: ports come back after {:g} s, not after TIME_WAIT"
_MOST_NAMES = 4  # in one line
_GAP = "  "
_NARROWEST = 16  # what is left at least of words and of the first column
_ENOUGH = 20  # of the first column, before others go for it
_LABEL = 10  # width
_GLUE = "\0"  # a space that no line breaks at: between a figure and its unit, in `P / 61.44 s`
_KEPT = "\n\N{NO-BREAK SPACE}"  # not printable, and yet no harm
_GLUED = re.compile(r"(?<=\d) (?=(?:s|ms|min|%)(?!\w))|(?<=\bP) (?=/)|(?<=\bP /) (?=\d)")

Cell = tuple[str, str]  # text, style


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a header of two lines, and a cell for each row."""

    header: tuple[str, str]
    cells: Sequence[Cell]
    is_right: bool = True  # figures to the right, words to the left
    goes: int = 0  # the highest goes first where the width is not enough; 0 stays
    least: int = 0  # width that is kept, whatever the cells hold
    name: str = ""  # the header where there is room to say it whole

    @property
    def width(self) -> int:
        """What the widest cell asks for."""
        texts = (*self.header, *(text for text, _ in self.cells))
        return max(self.least, *(cell_len(text) for text in texts))


class Columns:
    """Columns fitted to a width; the first folds its text when nothing else can give way."""

    def __init__(self, columns: Sequence[Column], width: int, enough: int = _ENOUGH) -> None:
        kept = list(columns)
        folded = max(0, kept[0].width - enough)
        while _total(kept) - folded > width and any(column.goes for column in kept):
            kept.remove(max(kept, key=lambda column: column.goes))
        self.columns = kept
        self.left_out = len(columns) - len(kept)
        self.widths = [column.width for column in kept]
        fits = self.widths[0] - max(0, _total(kept) - width)
        self.widths[0] = min(self.widths[0], max(_NARROWEST, fits))

    def header(self) -> Text:
        """Return the header, without lines that are empty."""
        lines = (self._line([(c.header[n], "dim") for c in self.columns]) for n in (0, 1))
        return Text("\n").join(line for line in lines if line.plain.strip())

    def rows(self, indexes: Iterable[int]) -> Text:
        """Return some of the rows."""
        lines: list[Text] = []
        for index in indexes:
            cells = [column.cells[index] for column in self.columns]
            first, *rest = _fold(cells[0][0], self.widths[0])
            lines.append(self._line([(first, cells[0][1]), *cells[1:]]))
            lines.extend(Text(text, cells[0][1]) for text in rest)
        return Text("\n").join(lines)

    def _line(self, cells: Sequence[Cell]) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        for column, width, (text, style) in zip(self.columns, self.widths, cells, strict=True):
            space = " " * (width - cell_len(text))
            gap = _GAP if line else ""
            line.append(gap + space if column.is_right else gap)
            line.append(text, style or None)
            line.append("" if column.is_right else space)
        line.rstrip()
        return line


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1)


def _fold(text: str, width: int) -> list[str]:
    """Return the lines of a point's id, broken at commas where it has them."""
    spaced = text.replace(",", ", ")
    lines = textwrap.wrap(spaced, width + 1, break_on_hyphens=False)
    return [line.replace(", ", ",") for line in lines] or [""]


def labelled(rows: Iterable[tuple[str, str, str]], width: int, label_width: int = _LABEL) -> Text:
    """Return (label, words, style) as lines whose words wrap beside their label."""
    lines: list[Text] = []
    room = max(_NARROWEST, width - label_width)
    for label, words, style in rows:
        glued = _GLUED.sub(_GLUE, " ".join(clean(words).split()))
        wrapped = textwrap.wrap(glued, room, break_long_words=False, break_on_hyphens=False)
        for index, line in enumerate(wrapped):
            head = f"{label if index == 0 else '':<{label_width}}"
            lines.append(Text.assemble((head, "bold"), (line.replace(_GLUE, " "), style)))
    return Text("\n").join(lines)


def unbroken(text: str) -> str:
    """Return text for a page, which breaks no line between a figure and its unit.

    >>> unbroken("P / 61.44 s") == "P\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}61.44\N{NO-BREAK SPACE}s"
    True
    """
    return _GLUED.sub("\N{NO-BREAK SPACE}", text)


def clean(text: str) -> str:
    r"""Return text that cannot steer a terminal: control characters are spelt out.

    >>> clean("red\x1b[31m")
    'red\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else repr(c)[1:-1] for c in text)


def short_id(point_id: str, part: str) -> str:
    """Return a point's id without the part it stands under.

    >>> short_id("time-lapse/ports=50", "time-lapse"), short_id("running-dry", "running-dry")
    ('ports=50', 'running-dry')
    """
    own = point_id.removeprefix(f"{part}/") if part else point_id
    return clean(own).replace("\n", "\\n")


def headline(console: Console, title: str, question: str) -> None:
    """Print what is asked."""
    console.print(Text(clean(title), "bold"))
    if question:
        console.print(Text(clean(question)))


def block_title(console: Console, part: str, title: str, lapse_s: float | None) -> None:
    """Print the name of a part; `lapse_s` is how long a port is away where that is not real."""
    words = ": ".join(clean(text) for text in (part, title) if text)
    console.print()
    if words:
        console.print(Text(words, "bold"))
    if lapse_s is not None:
        console.print(Text(TIME_LAPSE.format(lapse_s), "magenta"))


def hold_cell(hold_s: float, is_time_lapse: bool) -> Cell:
    """Return how long a port is away, for a column whose header says `[s]`."""
    if not hold_s:
        return "none", "dim"
    return f"{round(hold_s, 2):g}", "magenta" if is_time_lapse else ""


def limit_cell(per_s: float | None) -> Cell:
    """Return a limit for a column whose header says `[/s]`."""
    return ("unlimited", "cyan") if per_s is None else rate_cell(per_s)


def count_cell(number: int | None) -> Cell:
    """Return a count."""
    return (DASH, "dim") if number is None else (f"{number:,}", "")


def rate_cell(per_s: float | None) -> Cell:
    """Return a rate for a column whose header says `[/s]`."""
    return (DASH, "dim") if per_s is None else (rate_text(per_s).removesuffix("/s"), "")


def time_cell(seconds: float | None) -> Cell:
    """Return a time for a column whose header says `[s]`."""
    return (DASH, "dim") if seconds is None else (f"{seconds:,.1f}", "")


def names_text(names: Sequence[str]) -> str:
    """Return the names of points, the first few where they are many.

    >>> names_text(["a", "b"]), names_text(["a", "b", "c", "d", "e", "f"])
    ('a, b', 'a, b, c, d and 2 more')
    """
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def sides(time_waits: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the sides that TIME_WAIT was counted on, in the order of a connection."""
    found = {side for time_wait in time_waits for side in time_wait}
    known = [side for side in ("host", "client", "proxy", "server") if side in found]
    return known + sorted(found.difference(known))
