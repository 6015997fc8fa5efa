"""`tw-bench compare`: runs against a base, point by point, with intervals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tw_bench import units
from tw_bench.cli.output import stdout
from tw_bench.errors import ProfileError, ResultsError, ThresholdError

if TYPE_CHECKING:
    from tw_bench.results.compare_document import Comparison

_MOST_SIDES = 8

Sides = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN",
        help="Run folders, or folders of runs of one profile; the first is the base.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")]
AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print it as Markdown, for a pull request.")
]
Figure = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Draw it: a path that ends in .svg or .png."),
]
Smallest = Annotated[
    str, typer.Option(metavar="SHARE", help="A significant difference below it is negligible.")
]
FailIfWorse = Annotated[
    bool,
    typer.Option(
        "--fail-if-worse",
        help="Exit 99 where a side has a lower rate, a worse verdict or new refusals.",
    ),
]


def compare(
    sides: Sides,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    figure: Figure = None,
    smallest: Smallest = "1%",
    fail_if_worse: FailIfWorse = False,
) -> None:
    """Compare runs: what changed against the first one, and how sure that is.

    Points are matched by part and swept parameters; their repetitions
    (repeat: 5 in the profile) and the runs of a folder are measurements of
    one thing. An interval wants three of them a side. Runs of different
    methods, or in time-lapse against the real pace, are refused: exit 7.
    """
    from tw_bench.results.compare import compare as compare_sides
    from tw_bench.results.compare_sides import read_sides

    if not 1 < len(sides) <= _MOST_SIDES:
        got = "one run" if len(sides) == 1 else f"{len(sides)} runs"
        raise ProfileError(f"compare: got {got}: want a base and 1 to 7 others")
    if as_json and as_markdown:
        raise ProfileError("--markdown: got --json too: want one of them")
    least = _share(smallest)
    comparison = compare_sides(read_sides(sides), least)
    if figure is not None:
        from tw_bench.report.figures.compare_forest import draw_comparison

        draw_comparison(comparison, figure)
    _show(comparison, as_json=as_json, as_markdown=as_markdown)
    if fail_if_worse:
        _judge(comparison)


def _share(smallest: str) -> float:
    try:
        return units.parse_share(smallest)
    except ValueError as error:
        raise ProfileError(f"--smallest: got {smallest!r}: {error}") from error


def _show(comparison: "Comparison", *, as_json: bool, as_markdown: bool) -> None:
    out = stdout()
    if as_json:
        print(comparison.model_dump_json(indent=2), file=out, flush=True)
        return
    if as_markdown:
        from tw_bench.report.compare_markdown import markdown

        print(markdown(comparison), file=out, flush=True)
        return
    from rich.console import Console

    from tw_bench.report.compare_text import show_comparison

    show_comparison(Console(file=out, highlight=False), comparison)


def _judge(comparison: "Comparison") -> None:
    """Fail where something is worse, and where nobody can tell: a gate that never shuts is none."""
    from tw_bench.results.compare import unjudged, worse
    from tw_bench.results.compare_sides import listed

    found = [f"{pair.other}: {text}" for pair in comparison.pairs for text in worse(pair)]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ThresholdError(f"--fail-if-worse: {found[0]}{more}")
    open_ones = list(dict.fromkeys(name for pair in comparison.pairs for name in unjudged(pair)))
    if open_ones:
        raise ResultsError(
            f"--fail-if-worse: too few measurements to tell: {listed(open_ones)}: want 3 a side at "
            "least, by repeat: 5 in the profile or by several runs a side"
        )
