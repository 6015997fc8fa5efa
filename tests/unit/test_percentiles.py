"""Distributions of durations: HdrHistogram's own tool reads our logs, and says what we say."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.run_folders import OLD, end
from tw_bench.errors import ResultsError
from tw_bench.results import durations, percentiles
from tw_bench.results.histogram import add, histogram
from tw_bench.results.reading import load_run
from tw_bench.results.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
JAR = Path("/usr/share/java/hdrhistogram.jar")
WIDE = ROOT / "results/reference/port-range-curve-wide"


@pytest.fixture(scope="module")
def hdr_tool():
    """Return a function that runs HistogramLogProcessor over a log and returns what it prints."""
    if shutil.which("java") is None or not JAR.exists():
        pytest.skip("no HDR tool: sudo apt install libhdrhistogram-java default-jre-headless")
    program = ["java", "-cp", str(JAR), "org.HdrHistogram.HistogramLogProcessor"]

    def run(log: Path, *options: str) -> str:
        done = subprocess.run(
            [*program, "-i", str(log), *options], capture_output=True, text=True, check=True
        )
        assert "Exception" not in done.stderr, done.stderr
        return done.stdout

    return run


def filled(*values_ns: int):
    """Return a histogram of these values."""
    values = histogram()
    add(values, np.array(values_ns, dtype=np.int64))
    return values


def figures(text: str) -> list[list[float]]:
    """Return the rows of a .hgrm file, without its heads and feet."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [[float(cell) for cell in line.split()] for line in lines[1:]]


def feet(text: str) -> list[str]:
    """Return the last three lines: mean, longest, layout."""
    return text.splitlines()[-3:]


@pytest.mark.parametrize(
    ("folder", "id"),
    [
        (OLD, "time-lapse/ports=50"),
        (OLD, "server-closes"),
        (WIDE, "ports=28232"),
    ],
    ids=["time-lapse", "server-closes", "wide"],
)
def test_the_hdr_tool_says_of_a_log_what_we_say(hdr_tool, tmp_path, folder, id):
    """Same steps, same values, same counts, same feet; the last digit may be rounded otherwise."""
    theirs = tmp_path / "theirs"
    hdr_tool(folder / "latency.hlog", "-tag", id, "-o", str(theirs))
    expected = theirs.with_suffix(".hgrm").read_text()
    ours = percentiles.text(durations.read(folder / "latency.hlog", id), id, "latency")
    rows = figures(ours)
    assert len(rows) > 20
    for ours_row, their_row in zip(rows, figures(expected), strict=True):
        assert ours_row == pytest.approx(their_row, rel=1e-9, abs=1.1e-12)
    assert feet(expected) == feet(ours)


def test_the_hdr_tool_reads_every_wave(hdr_tool, tmp_path):
    """A run of several waves, or one taken up again, has one log; no wave is left out of it."""
    run = tmp_path / "run"
    folder = RunFolder(run, ("time_wait",))
    for number in range(2):
        folder.begin_latency_log(1_700_000_000 + 100 * number)
        for second in range(3):
            folder.add_latency(f"wave={number}", second, second + 1, filled(5_000_000))
    end(folder)
    folder = RunFolder(run, ("time_wait",), kept=["wave=0", "wave=1"])
    folder.begin_latency_log(1_700_000_200)
    folder.add_latency("wave=2", 0, 1, filled(5_000_000))
    end(folder)
    listed = hdr_tool(run / "latency.hlog", "-listtags").splitlines()
    assert {"wave=0", "wave=1", "wave=2"} <= {*listed}
    for number, count in ((0, 3), (1, 3), (2, 1)):
        out = hdr_tool(run / "latency.hlog", "-tag", f"wave={number}")
        assert f"Total count    = {count:12d}" in out
    last = (run / "latency.hlog").read_text().splitlines()[-1]
    assert last.startswith("Tag=wave=2,200.000,1.000,")


def test_a_distribution_is_read_back_as_it_was_written(tmp_path):
    """Percentiles, values to the microsecond, counts."""
    values = filled(*np.random.default_rng(7).lognormal(13, 1, 5_000).astype(np.int64))
    path = tmp_path / "x.hgrm"
    path.write_text(percentiles.text(values, "x", "latency"))
    found, written = percentiles.read(path), percentiles.distribution(values)
    assert found.percentile == pytest.approx(written.percentile, abs=1e-12)
    assert found.value_us == pytest.approx(written.value_us, abs=0.51)
    assert found.count.tolist() == written.count.tolist()
    assert (found.count[-1], found.percentile[-1]) == (5_000, 1.0)
    assert np.all(np.diff(found.value_us) >= 0)


def test_one_value_is_a_distribution_and_none_is_nothing():
    """The first step, the last step; of an empty histogram no rows and no feet."""
    one = percentiles.distribution(filled(1_000_000))
    assert one.percentile.tolist() == [0.0, 1.0]
    assert one.value_us == pytest.approx([1_000, 1_000], rel=1e-3)
    assert figures(percentiles.text(histogram(), "x", "latency")) == []
    assert not len(percentiles.distribution(histogram()).count)


def test_a_point_without_responses_leaves_no_file(tmp_path):
    """Nor does it keep the one of an attempt that was interrupted."""
    folder = RunFolder(tmp_path / "run", ("time_wait",))
    path = tmp_path / "run" / percentiles.file_name("part/x=1", "latency")
    folder.add_percentiles("part/x=1", "latency", filled(1_000))
    assert path.read_text().startswith("#[Latency from the intended start, in ms, of part/x=1]\n")
    folder.add_percentiles("part/x=1", "latency", histogram())
    assert not path.exists()
    end(folder)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=300),
        min_size=2, max_size=8, unique=True,
    )
)  # fmt: skip
def test_every_point_has_a_file_of_its_own(ids):
    """Whatever ids hold, no two share a name, and each is one that a file system takes."""
    names = [percentiles.file_name(id, "latency") for id in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        folder, _, file = name.partition("/")
        assert folder == "percentiles"
        assert "/" not in file
        assert len(file.encode()) < 255


def test_an_older_run_is_told_from_its_log():
    """A run of format 1 has no .hgrm: the log of intervals is added up instead."""
    run = load_run(OLD)
    point = run.point("time-lapse/ports=50")
    assert point.latency_us is not None
    assert point.service_time_us is not None
    for found, usual in (
        (run.percentiles(point.id), point.latency_us),
        (run.percentiles(point.id, "service_time"), point.service_time_us),
    ):
        assert found.count[-1] == usual.count
        assert found.value_us[-1] == pytest.approx(usual.max, abs=0.01)
        half = np.searchsorted(found.percentile, 0.5)
        assert found.value_us[half] == pytest.approx(usual.p50, abs=0.01)


@pytest.mark.parametrize("cut", [105, 400, 429, 1_000])
def test_a_file_that_is_cut_off_is_said(tmp_path, cut):
    """A head only, half a row, whole rows but not all: one line, and no distribution."""
    values = filled(*range(1_000_000, 9_000_000, 1_000))
    path = tmp_path / "x.hgrm"
    path.write_text(percentiles.text(values, "x", "latency")[:cut])
    with pytest.raises(ResultsError, match=r"x\.hgrm: is cut off"):
        percentiles.read(path)
