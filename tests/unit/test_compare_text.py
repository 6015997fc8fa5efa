"""A comparison as people read it: in the terminal, in a pull request, as a picture."""

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.unit.compared_runs import (
    HOST,
    a_point,
    a_run,
    a_side,
    measured,
    one_side,
    repeated,
    write,
)
from tw_bench.cli import app
from tw_bench.errors import ProfileError, ResultsError, ThresholdError
from tw_bench.report.compare_markdown import markdown
from tw_bench.report.compare_text import show_comparison
from tw_bench.report.compare_words import finding, percent
from tw_bench.report.figures.compare_forest import draw_comparison
from tw_bench.results.compare import compare
from tw_bench.results.compare_document import Comparison
from tw_bench.results.compare_sides import LoadedSide

Golden = Callable[[str, str], None]

BEFORE = {
    500: [8.14, 8.13, 8.14, 8.15, 8.14],
    1000: [16.27, 16.28, 16.27, 16.27, 16.28],
    2000: [32.5, 32.6, 32.55, 32.52, 32.57],
}
AFTER = {
    500: [7.3, 7.32, 7.31, 7.3, 7.31],
    1000: [16.23, 16.24, 16.23, 16.23, 16.24],
    2000: [34.9, 35.0, 35.1, 34.95, 35.05],
}


def of(*sides: LoadedSide) -> Comparison:
    """Compare made-up sides."""
    return compare(sides)


def changed() -> Comparison:
    """Lower, negligible, higher, another verdict, new refusals, and a point not measured."""
    clean: Any = {"measured": measured(65.0, refusals=0), "verdict": "offered-load-bound"}
    refused = {"measured": measured(65.0, refusals=12)}
    dead: Any = {"status": "failed", "measured": None, "error": "the client's worker 1 was killed"}
    before = [*repeated(BEFORE), *repeated({4000: [65.0] * 5}, **clean), a_point(8000, 130.0)]
    after = [*repeated(AFTER), *repeated({4000: [65.0] * 5}, **refused)]
    after.append(a_point(8000, 130.0, **dead))
    host = HOST | {"kernel": "6.12.9"}
    other = a_run(after, folder="now", host=host, asked={"load": {"timeout": "2s"}})
    return of(a_side("main", a_run(before)), a_side("my-branch", other))


COMPARISONS: dict[str, Callable[[], Comparison]] = {
    "changed": changed,
    "same": lambda: of(one_side("monday", BEFORE), one_side("tuesday", BEFORE)),
    "single": lambda: of(
        *(
            a_side(name, a_run([a_point(p, scale * p / 61.44) for p in (500, 1000)]))
            for name, scale in (("monday", 1.0), ("tuesday", 0.9))
        )
    ),
    "from-none": lambda: of(
        one_side("monday", {500: [0.0] * 5, 1000: BEFORE[1000]}),
        one_side("tuesday", {500: [84.5] * 5, 1000: BEFORE[1000]}),
    ),
    "three": lambda: of(
        one_side("base", BEFORE), one_side("first", BEFORE), one_side("second", AFTER)
    ),
}


def text_of(comparison: Comparison, width: int) -> str:
    """Return what the terminal shows."""
    console = Console(file=io.StringIO(), width=width, _environ={})
    show_comparison(console, comparison)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", COMPARISONS)
def test_the_terminal_shows_the_comparison(name, width, golden: Golden):
    """News first, then what changed with its interval, the rest in a line, and the answer."""
    text = text_of(COMPARISONS[name](), width)
    golden(f"compare-{name}-{width}.txt", text)
    if width >= 80:
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_pull_request_gets_markdown(name, golden: Golden):
    """A line, the changes, and the rest folded away."""
    golden(f"compare-{name}.md", markdown(COMPARISONS[name]()) + "\n")


def test_many_changes_are_cut_short_in_the_terminal():
    """Thirty rows, and how many more there are."""
    before = {ports: [ports / 61.44] * 5 for ports in range(500, 540)}
    after = {ports: [0.8 * ports / 61.44] * 5 for ports in range(500, 540)}
    text = text_of(of(one_side("A", before), one_side("B", after)), 100)
    assert len(re.findall(r"^ports=", text, re.MULTILINE)) == 30
    assert re.search(r"^and \d+ more \(--json has all\)$", text, re.MULTILINE)


def test_names_of_others_are_no_markup():
    """HTML, cells, mentions and control characters of names are spelt out."""
    evil = "<img src=x>|`@all` [a](b)\x1b[31m\n# x"
    points = [a_point(500, 8.0, part=evil, id=evil)]
    other = [a_point(500, 4.0, part=evil, id=evil)]
    comparison = of(a_side("A|<b>", a_run(points)), a_side("@team", a_run(other)))
    text = markdown(comparison)
    for raw in ("<img", "<b>", "@", "\x1b", "`@all`", "[a](b)"):
        assert raw not in text, raw
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert "\x1b" not in text_of(comparison, 80)


@pytest.mark.parametrize(
    ("base", "other", "words"),
    [
        (
            BEFORE,
            BEFORE,
            "No significant difference in goodput at 3 points (the widest interval reaches ±",
        ),
        (
            {500: [8.0]},
            {500: [8.0]},
            "No difference: goodput is the same at 1 point.",
        ),
        (
            {500: [8.0]},
            {500: [8.05]},
            "Goodput is less than 1 % apart at 1 point.",
        ),
        (
            {500: [8.0]},
            {500: [6.0]},
            "Goodput is 25.0 % lower; one measurement a side cannot judge that.",
        ),
        (
            {500: [0.0]},
            {500: [84.5]},
            "Goodput is higher: 0 is now 84.50/s; one measurement a side cannot judge that.",
        ),
        (
            {500: [0.0] * 5, 1000: [8.0] * 5},
            {500: [84.5] * 5, 1000: [9.0] * 5},
            "Goodput is higher at 2 of 2 points: 0 is now 84.50/s at the most (ports=500).",
        ),
        ({500: BEFORE[500]}, {500: AFTER[500]}, "Goodput is lower by 10.2 %."),
        (
            {1000: BEFORE[1000]},
            {1000: AFTER[1000]},
            "No difference in goodput worth naming at 1 point: lower by 0.25 % at ports=1000 "
            "(significant, negligible).",
        ),
    ],
)
def test_the_answer_is_a_sentence(base, other, words):
    """Plainly none, one that is not worth naming, one that cannot be judged, or how much."""
    (pair,) = of(one_side("A", base), one_side("B", other)).pairs
    said = finding(pair, 0.01)
    assert said.startswith(words), said


def test_a_percentage_has_the_digits_that_matter():
    """Two after the point where it is small, none where it is large."""
    shares = (0.0001, 0.00123, 0.0123, 0.123, 1.23, 12.3)
    assert [percent(share) for share in shares] == [
        "+0.01", "+0.12", "+1.23", "+12.3", "+123", "+1,230",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["svg", "png"])
@pytest.mark.parametrize("name", COMPARISONS)
def test_the_picture_is_the_same_each_time(name, suffix, tmp_path):
    """Byte for byte; every comparison can be drawn."""
    paths = [draw_comparison(COMPARISONS[name](), tmp_path / f"{n}.{suffix}") for n in "ab"]
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert len(first) > 5_000


def test_a_picture_of_many_points_is_taller_and_has_an_end(tmp_path):
    """Sixty rows, the worst ones; and a dollar in a name is no formula."""
    goodputs = {ports: [ports / 61.44] for ports in range(500, 590)}
    sides = (one_side("$a_{", goodputs), one_side("b$", goodputs))
    path = draw_comparison(of(*sides), tmp_path / "p.svg")
    height, *_ = re.findall(r'height="([\d.]+)pt"', path.read_text())
    assert float(height) > 800


def run(*args: object) -> tuple[BaseException | None, str]:
    """Run the command line in process; return what it raised and printed."""
    done = CliRunner().invoke(app, ["compare", *map(str, args)])
    return done.exception, done.stdout


@pytest.fixture
def folders(tmp_path):
    """Two runs that differ, and one without repetitions."""
    return {
        "before": write(a_run(repeated(BEFORE)), tmp_path / "before"),
        "after": write(a_run(repeated(AFTER)), tmp_path / "after"),
        "once": write(a_run([a_point(500, 8.14)]), tmp_path / "once"),
    }


def test_the_command_prints_one_of_three_forms(folders, tmp_path):
    """Text, JSON that reads back, or Markdown; and draws beside each."""
    both = folders["before"], folders["after"]
    error, text = run(*both)
    assert error is None
    assert text.startswith("after against before\n")
    _, text = run(*both, "--json", "--figure", tmp_path / "p.png")
    assert Comparison.model_validate_json(text).smallest == 0.01
    assert json.loads(text)["format"] == "tw-bench comparison"
    assert (tmp_path / "p.png").stat().st_size > 5_000
    _, text = run(*both, "--markdown", "--smallest", "20%")
    assert text.startswith("### tw-bench: after against before\n")
    assert "worth naming" in text


def test_a_gate_fails_where_it_is_worse_or_cannot_tell(folders):
    """Exit 99; 7 with too few measurements; nothing where there is no difference."""
    before, after, once = folders.values()
    error, text = run(before, after, "--fail-if-worse")
    assert isinstance(error, ThresholdError)
    assert str(error) == "--fail-if-worse: after: ports=500: goodput_per_s 8.14 is now 7.308"
    assert "Goodput is lower" in text
    error, _ = run(once, once, "--fail-if-worse")
    assert isinstance(error, ResultsError)
    assert "too few measurements to tell: ports=500: want 3 a side" in str(error)
    assert run(before, before, "--fail-if-worse")[0] is None
    assert run(before, after)[0] is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["before"], "compare: got one run: want a base and 1 to 7 others"),
        (["before", "after", "--json", "--markdown"], "--markdown: got --json too"),
        (["before", "after", "--smallest", "1"], "--smallest: got '1': want a share such as 2%"),
        (["before", "after", "--figure", "p.pdf"], "--figure: got 'p.pdf': want a path that ends"),
    ],
)
def test_a_wrong_flag_is_said_in_a_line(folders, args, words):
    """What it got, and what it wants."""
    error, _ = run(*(folders.get(arg, arg) for arg in args))
    assert isinstance(error, ProfileError)
    assert words in str(error)
