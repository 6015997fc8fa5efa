"""A run folder that is opened again: what a killed run left of its files, and what is sealed."""

import csv
import json

import numpy as np
import pytest

from tests.unit.run_folders import end
from tw_bench import load_run
from tw_bench.errors import ResultsError
from tw_bench.results import percentiles
from tw_bench.results.files import keep_rows
from tw_bench.results.histogram import add, histogram
from tw_bench.results.run_folder import RunFolder
from tw_bench.results.tally import INTERVAL_COLUMNS

COLUMNS = ("time_wait",)
KEPT, OPEN = "à/ports=50", "ö/ports=50"


@pytest.fixture
def path(tmp_path):
    """Return the folder of a run with two points, one of them not to be kept."""
    path = tmp_path / "run"
    folder = RunFolder(path, COLUMNS)
    folder.begin_latency_log(1_700_000_000.0)
    values = histogram()
    add(values, np.array([5_000_000] * 10, dtype=np.int64))
    for id in (KEPT, OPEN):
        folder.add_interval([id, *range(len(INTERVAL_COLUMNS) - 1)])
        folder.add_sample([id, "client", "0.100", 7])
        folder.add_latency(id, 0, 1, values)
        folder.add_service_time(id, 0, 1, values)
        folder.add_percentiles(id, "latency", values)
    end(folder)
    return path


def points(path, name):
    """Return the points of which a table has rows."""
    with (path / name).open(newline="") as file:
        return [row["point"] for row in csv.DictReader(file)]


def test_the_heads_of_both_tables_are_on_the_disk_at_once(tmp_path):
    """A run that is killed before its first row can be taken up again."""
    path = tmp_path / "run"
    held = RunFolder(path, COLUMNS)
    heads = [(path / f"{name}.csv").read_text() for name in ("intervals", "samples")]
    assert [f"{','.join(INTERVAL_COLUMNS)}\n", "point,side,time_s,time_wait\n"] == heads
    end(held)
    end(RunFolder(path, COLUMNS, kept=[]))


def test_a_table_without_even_a_head_has_no_rows(path):
    """As an older tw-bench left it where it was killed early."""
    (path / "samples.csv").write_text("")
    end(RunFolder(path, COLUMNS, kept=[]))
    assert (path / "samples.csv").read_text() == "point,side,time_s,time_wait\n"


def test_nothing_is_left_of_a_point_that_is_run_again(path):
    """No row, no line of a log, no distribution; what is kept is all there."""
    end(RunFolder(path, COLUMNS, kept=[KEPT]))
    assert [KEPT] == points(path, "intervals.csv") == points(path, "samples.csv")
    for name in ("latency.hlog", "service_time.hlog"):
        assert OPEN not in (path / name).read_text()
        assert KEPT in (path / name).read_text()
    left = {str(each.relative_to(path)) for each in (path / "percentiles").iterdir()}
    assert left == {percentiles.file_name(KEPT, "latency")}


@pytest.mark.parametrize("name", ["latency.hlog", "intervals.csv", "samples.csv"])
def test_half_a_letter_at_the_end_is_no_obstacle(path, name):
    """A kill, or a disk that is full, tears a line at any byte."""
    with (path / name).open("ab") as file:
        file.write(f"Tag={OPEN}"[:5].encode()[:-1])
    end(RunFolder(path, COLUMNS, kept=[KEPT]))
    assert b"\xc3T" not in (path / name).read_bytes()
    (path / name).read_text()


def test_what_is_no_table_is_said(path):
    """A cell that never ends, as of a disk that lost its blocks."""
    with (path / "samples.csv").open("a") as file:
        file.write('"' + "x" * (csv.field_size_limit() + 1))
    with pytest.raises(ResultsError, match=r"samples\.csv: is no table \(field larger than"):
        keep_rows(path, [KEPT], {"samples.csv": ("point", "side", "time_s", *COLUMNS)}, ())


def test_what_another_put_into_the_folder_is_not_sealed(path):
    """A note, a JUnit file, a mark of the file manager: they may change and go."""
    end(RunFolder(path, COLUMNS, kept=[KEPT, OPEN]))
    before = json.loads((path / "manifest.json").read_text())["files"]
    folder = RunFolder(path, COLUMNS, kept=[KEPT, OPEN])
    for name in ("note.txt", ".DS_Store", "percentiles/note.txt"):
        (path / name).write_text("of a colleague")
    end(folder)
    after = json.loads((path / "manifest.json").read_text())["files"]
    assert before.keys() == after.keys()
    assert {"intervals.csv", "samples.csv", "latency.hlog", "summary.json"} <= after.keys()
    assert percentiles.file_name(KEPT, "latency") in after


def test_a_path_that_the_kernel_refuses_is_one_line(tmp_path):
    """Too long a name, and a NUL in it."""
    for name, told in (("x" * 300, "cannot be read: File name too long"), ("a\0b", "no such")):
        with pytest.raises(ResultsError, match=told):
            load_run(tmp_path / name)
