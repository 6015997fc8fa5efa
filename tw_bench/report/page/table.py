"""A table as the page prints it: a caption, heads, and a row for each thing. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tw_bench.report.text import DASH, Column

# A verdict or a status is a sign and a word, and only then a colour.
GLYPHS = {
    "port-bound": "●",
    "offered-load-bound": "■",
    "generator-bound": "▲",
    "target-bound": "◆",
    "unlimited": "▼",
    "not-measured": "✖",
}
_MANY = 12  # rows
_SHORT = 28  # characters
_TONES = {"green": "good", "yellow": "warn", "red": "bad", "dim": "none", "bold": "strong"}


def is_long(rows: Sequence[object]) -> bool:
    """Whether there are so many that a page folds them unless they matter."""
    return len(rows) > _MANY


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column."""

    text: str
    is_right: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, its tone (good, warn, bad, none, strong, or nothing) and a sign before it."""

    text: str
    tone: str = ""
    glyph: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is so short that it stands on one line, as the name of a row or a verdict."""
        return len(self.text) <= _SHORT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; the first cell of a row names it."""

    caption: str
    heads: list[Head]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)
    is_titled: bool = False  # the heading above it says what the caption says

    @property
    def is_long(self) -> bool:
        """Whether it is so long that a page folds it unless it matters."""
        return is_long(self.rows)


def from_columns(
    caption: str, columns: Sequence[Column], notes: Iterable[str] = (), *, is_titled: bool = False
) -> Table:
    """Return the table that the terminal shows, with all its columns and whole heads."""
    heads = [Head(column.name or " ".join(filter(None, column.header)), column.is_right)
             for column in columns]  # fmt: skip
    rows = [
        [_cell(text, style, head.text) for (text, style), head in zip(cells, heads, strict=True)]
        for cells in zip(*(column.cells for column in columns), strict=True)
    ]
    return Table(caption, heads, rows, list(notes), is_titled)


def of_texts(
    caption: str,
    heads: Sequence[tuple[str, bool]],
    rows: Iterable[Sequence[str]],
    notes: Iterable[str] = (),
    *,
    is_titled: bool = False,
) -> Table:
    """Return a table of plain texts; a head says whether its column stands to the right."""
    cells = [[Cell(text, "none" if text == DASH else "") for text in row] for row in rows]
    return Table(caption, [Head(*head) for head in heads], cells, list(notes), is_titled)


def _cell(text: str, style: str, head: str) -> Cell:
    if head == "verdict":
        return Cell(text, "", GLYPHS.get(text, ""))
    return Cell(text, _TONES.get(style, ""))
