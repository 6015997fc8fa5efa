"""Runs that were measured before: of every format there is one, and everything reads it."""

import html
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.table_types import wrong_columns
from tw_bench import load_run
from tw_bench.report.figures import draw_all
from tw_bench.results.schema import FORMAT_VERSION

ROOT = Path(__file__).parents[2]
OLD = sorted(path.parent for path in (ROOT / "tests/data/runs").glob("*/manifest.json"))
RUNS = [*sorted(path.parent for path in (ROOT / "results/reference").glob("*/manifest.json")), *OLD]

of_every_run = pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
of_every_format = pytest.mark.parametrize("folder", OLD, ids=lambda path: path.name)


def test_of_every_format_there_is_a_run():
    """Of each that was ever written, up to today's."""
    assert [path.name for path in OLD] == [f"format-{n}" for n in range(1, FORMAT_VERSION + 1)]


@of_every_run
def test_pandas_finds_the_right_types(folder):
    """Text, int64, float64 in both CSV files, with gaps only where there is nothing to average."""
    assert wrong_columns(folder) == []


@of_every_run
def test_load_run_says_what_pandas_says(folder):
    """Every column of both files, row by row."""
    run = load_run(folder)
    for name, table in (("intervals.csv", run.intervals()), ("samples.csv", run.samples())):
        expected = pd.read_csv(folder / name, dtype={"point": str})
        assert [*expected.columns] == [*table]
        for column, values in table.items():
            np.testing.assert_array_equal(expected[column].to_numpy(), values, strict=False)


@of_every_format
def test_load_run_reads_every_format(folder):
    """Points, their figures, their rows, their durations."""
    run = load_run(folder)
    assert folder.name == f"format-{run.manifest.format_version}"
    assert {str(id) for id in run.intervals("point")["point"]} <= {one.id for one in run.points}
    for point in run.points:
        assert point.latency_us is not None
        assert point.service_time_us is not None
        assert run.latency(point.id).get_total_count() == point.latency_us.count
        assert run.service_time(point.id).get_total_count() == point.service_time_us.count
        assert run.percentiles(point.id).count[-1] == point.latency_us.count


@of_every_format
def test_pictures_are_drawn_of_every_format(folder, tmp_path):
    """The same as of a run that was made today."""
    copy = tmp_path / "run"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).symlink_to(path)
    drawn = {path.name for path in draw_all(copy)}
    assert {"time-wait.svg", "rates.svg"} <= drawn


def tw_bench(*words: object) -> str:
    """Return what a command that goes well prints."""
    command = [sys.executable, "-m", "tw_bench", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@of_every_format
def test_a_report_is_written_of_every_format(folder, tmp_path):
    """The page has every point, and the question."""
    page = tmp_path / "page.html"
    tw_bench("report", folder, "--out", page)
    text, run = page.read_text(), load_run(folder)
    assert all(point.id in text for point in run.points)
    assert run.summary.question in html.unescape(text)


@of_every_format
def test_every_format_is_compared(folder):
    """With itself: every point is matched, and none differs."""
    document = json.loads(tw_bench("compare", folder, folder, "--json"))
    text = json.dumps(document)
    assert all((point.group or point.id) in text for point in load_run(folder).points)
