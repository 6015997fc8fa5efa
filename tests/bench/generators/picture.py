"""The picture of the table: a bar for each generator, its spread, and the floor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.bench.generators.catalogue import CLOSE, KEEP
from tests.bench.generators.own_worker import NAME
from tests.bench.generators.record import FLOOR, WRK, Row
from tw_bench.report.figures import labels, style
from tw_bench.report.figures.style import BLUE, FAINT, INK, LEFT, MUTED, RIGHT, SKY, Word

_PYTHON = ("Python", "uvloop")  # how the names of the rivals begin
_TOP, _BOTTOM = 0.765, 0.115  # shares of the height
_HALF = 0.530  # where the second panel's names begin, a share of the width
_NAMES = {CLOSE: 0.162, KEEP: 0.158}  # shares of the width
_BAR = 0.66  # of a row
_NUMBERS = 0.26  # of the bars' width, behind the longest of them
_HEADS = {CLOSE: "One request each [connections/s]", KEEP: "Kept connections [requests/s]"}


def draw(document: Mapping[str, Any], rows: Sequence[Row], stem: Path) -> list[Path]:
    """Draw the two tables of generators as SVG and PNG; return both paths."""
    with style.settings():
        return style.save(_figure(document, rows), stem)


def _figure(document: Mapping[str, Any], rows: Sequence[Row]) -> Figure:
    card = style.blank_card(_title(document), _words(document), _origin(document))
    edges = {CLOSE: (LEFT, _HALF - 0.03), KEEP: (_HALF, RIGHT)}
    for table, (left, right) in edges.items():
        found = [row for row in rows if row.table == table]
        if found:
            left += _NAMES[table]
            axes = card.add_axes((left, _BOTTOM, right - left, _TOP - _BOTTOM))
            # As many rows in both, so that their bars are equally thick.
            _draw(axes, found, max(len(found), sum(row.table == CLOSE for row in rows)))
            axes.set_title(_HEADS[table], size=9.5, color=INK, weight="bold", loc="left", pad=7)
    return card


def _title(document: Mapping[str, Any]) -> str:
    """Return the finding."""
    for line in document["asked"]:
        if (line["table"], line["of"]) == (CLOSE, WRK) and line["found"] is not None:
            return f"One recording worker makes {line['found']:.2f} times the connections of wrk"
    return "Connections and requests a second, generator by generator"


def _words(document: Mapping[str, Any]) -> list[Word]:
    return [
        *style.key(BLUE, "tw-bench, every connection recorded"),
        *style.key(FAINT, "other generators"),
        *style.key(SKY, "plain Python, nothing recorded"),
        Word("╌", INK, bold=True),
        Word("floor: C on epoll", INK, bold=True),
        Word(f"├┤ least, most of {document['rounds']} rounds"),
    ]


def _origin(document: Mapping[str, Any]) -> list[str]:
    host, versions = document["host"], document["versions"]
    return [
        f"{document['concurrency']} at once, one processor for the generator, one for "
        f"{versions['nginx']}; counted by the server's kernel",
        f"Linux {host['kernel']}",
        document["measured_at"][:10],
        f"tw-bench {versions['tw-bench']}",
    ]


def _draw(axes: Axes, rows: Sequence[Row], places: int) -> None:
    """Draw a panel: its rows from the top, as many places as the other panel has."""
    style.dress(axes)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_facecolor(style.CARD)
    axes.set_ylim(places - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(0, max(row.most_per_s for row in rows) * (1 + _NUMBERS))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    floor = next((row.per_s for row in rows if row.name == FLOOR), None)
    if floor is not None:
        axes.plot(
            (floor, floor), (-0.5, len(rows) - 0.5), color=INK, lw=1.0, ls=(0, (4, 3)), zorder=4
        )
    for place, row in enumerate(rows):
        _draw_row(axes, row, place)


def _draw_row(axes: Axes, row: Row, place: int) -> None:
    is_ours = row.name == NAME
    axes.barh(place, row.per_s, _BAR, color=_colour(row.name), zorder=2)
    axes.plot((row.least_per_s, row.most_per_s), (place, place), color=INK, lw=1.0, zorder=3)
    for end in (row.least_per_s, row.most_per_s):
        axes.plot((end, end), (place - 0.14, place + 0.14), color=INK, lw=1.0, zorder=3)
    weight = "bold" if is_ours else "normal"
    axes.annotate(
        row.name,
        (0, place),
        (-5, 0),
        textcoords="offset points",
        ha="right",
        va="center_baseline",
        size=9,
        weight=weight,
        color=style.as_text(BLUE) if is_ours else INK,
        annotation_clip=False,
    )
    axes.annotate(
        f"{row.per_s:,.0f}",
        (max(row.per_s, row.most_per_s), place),
        (5, 0),
        textcoords="offset points",
        va="center_baseline",
        size=9,
        weight=weight,
        color=INK if is_ours else MUTED,
        zorder=5,
        path_effects=labels.halo(axes),
    )


def _colour(name: str) -> str:
    if name == NAME:
        return BLUE
    return SKY if name.startswith(_PYTHON) else FAINT
