"""Run folders that are not whole: each is one line with the file, what is wrong and what is wanted.

A sealed run (format 2) is told from its checksums, whatever was changed; an older one as far as
what is left does not read.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tw_bench import load_run
from tw_bench.errors import ResultsError
from tw_bench.results import percentiles

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/data/runs/format-1"
POINT = "time-lapse/ports=50"
DISTRIBUTION = percentiles.file_name(POINT, "latency")
SEALED = (
    "summary.json",
    "intervals.csv",
    "samples.csv",
    "latency.hlog",
    "service_time.hlog",
    DISTRIBUTION,
)


@pytest.fixture
def old(tmp_path):
    """Return a run of format 1, which is not sealed."""
    return Path(shutil.copytree(OLD, tmp_path / "run"))


@pytest.fixture
def sealed(old):
    """Return the same as a run of format 2 is: with distributions, and with checksums."""
    path = old / DISTRIBUTION
    path.parent.mkdir()
    path.write_text(percentiles.text(load_run(old).latency(POINT), POINT, "latency"))
    edit(old, format_version=2, files={name: digest(old / name) for name in SEALED})
    assert read(old)
    return old


def digest(path):
    """Return what the seal says of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit(folder, name="manifest.json", **fields):
    """Change fields of a JSON file."""
    document = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(document | fields))


def read(folder):
    """Read all that is in a run folder, as a report and a notebook would."""
    run = load_run(folder)
    run.check_all()
    read: list[object] = [run.intervals(), run.samples()]
    for point in run.points:
        read += [run.latency(point.id), run.service_time(point.id), run.percentiles(point.id)]
    return read


def complaint(folder):
    """Return the one line that reading it gives, and hold what each such line must have."""
    with pytest.raises(ResultsError) as caught:
        read(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(folder))
    assert len(line) < len(str(folder)) + 300
    assert ": want" in line or "tw-bench" in line or "; want" in line
    return line.removeprefix(str(folder))


@pytest.mark.parametrize("name", ["manifest.json", *SEALED])
def test_a_missing_file_is_named(sealed, name):
    """Each of those that a run has."""
    (sealed / name).unlink()
    line = complaint(sealed)
    assert name in line
    assert "missing" in line or "has no" in line


@pytest.mark.parametrize("name", ["manifest.json", "summary.json", "intervals.csv", "latency.hlog"])
def test_a_missing_file_of_an_older_run_is_named(old, name):
    """Also where no seal tells what there was."""
    (old / name).unlink()
    assert name in complaint(old)


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("share", [0, 0.3, 0.999], ids=["empty", "a third", "but a little"])
def test_a_file_that_is_cut_off_is_named(sealed, name, share):
    """However much is left of it."""
    data = (sealed / name).read_bytes()
    (sealed / name).write_bytes(data[: int(len(data) * share)])
    assert complaint(sealed).startswith(f"/{name}: is not what it was when the run was sealed")


@pytest.mark.parametrize("name", SEALED)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_one_byte_that_was_changed_is_found(sealed, name, place, flip):
    """Wherever it is, and whatever it says now."""
    data = bytearray((sealed / name).read_bytes())
    at = int(len(data) * place)
    data[at] ^= flip
    (sealed / name).write_bytes(data)
    try:
        assert complaint(sealed).startswith(f"/{name}: is not what it was")
    finally:
        data[at] ^= flip
        (sealed / name).write_bytes(data)
    assert read(sealed)


def test_a_row_that_was_changed_is_found_when_it_is_read(sealed):
    """The summary is read without it; the rows are not."""
    text = (sealed / "intervals.csv").read_text()
    (sealed / "intervals.csv").write_text(text.replace(",63,63,50,", ",63,63,63,", 1))
    run = load_run(sealed)
    assert run.samples()
    with pytest.raises(ResultsError, match=r"intervals\.csv: is not what it was"):
        run.intervals()


@pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99], ids=["empty", "half", "but a little"])
def test_json_that_is_cut_off_is_named(old, name, share):
    """Half a document is no document."""
    text = (old / name).read_text()
    (old / name).write_text(text[: int(len(text) * share)])
    assert complaint(old).startswith(f"/{name}: is cut off or no JSON")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("intervals.csv", ""),
        ("samples.csv", ""),
        ("samples.csv", "\0\0\0\0"),
        ("latency.hlog", f"Tag={POINT},0,1,1,HISTFAAAA"),
        ("latency.hlog", f"Tag={POINT},0,1,1,"),
        ("latency.hlog", f"Tag={POINT},0,1,1,!!!!\n"),
        ("intervals.csv", "<html>no such page</html>\n"),
    ],
)
def test_text_that_is_no_rows_is_named(old, name, text):
    """Nothing, a head alone, another file's text, half a histogram."""
    (old / name).write_text(text)
    assert name in complaint(old)


def test_half_a_row_is_named_where_the_run_was_complete(old):
    """A file that was cut off at any byte of its last row, or before it."""
    for name in ("intervals.csv", "samples.csv"):
        text = (old / name).read_text()
        (old / name).write_text(text[:-30])
        assert complaint(old).startswith(f"/{name}: is cut off or no table")
        (old / name).write_text(text)


def test_half_a_row_is_left_out_where_the_run_was_interrupted(old):
    """Then it is no tampering: what was measured before it is there."""
    edit(old, status="interrupted")
    rows = len(load_run(old).intervals("second")["second"])
    text = (old / "intervals.csv").read_text()
    (old / "intervals.csv").write_text(text[:-30])
    assert len(load_run(old).intervals("second")["second"]) == rows - 1


def test_a_newer_run_says_what_to_do(old):
    """Whatever else is in it: it is not looked at."""
    for name in ("manifest.json", "summary.json"):
        text = (old / name).read_text()
        edit(old, name, format_version=99, points="of another kind")
        assert "is of format 99, written by a newer tw-bench" in complaint(old)
        (old / name).write_text(text)


DOCUMENTS = {
    "a list": "[]",
    "a word": "null",
    "another program's": '{"name": "x", "version": "1.0"}',
    "a version that is a word": '{"format_version": "two"}',
    "a version that is a truth": '{"format_version": true}',
    "deep": "[" * 100_000,
    "latin-1": '{"name": "\xe9"}',
    "binary": "\x00\x01\x02",
    "a large number": '{"format_version": 1' + "0" * 5_000 + "}",
}


@pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_another_document_is_named(old, name, kind):
    """A file of that name that is no manifest and no summary."""
    (old / name).write_bytes(DOCUMENTS[kind].encode("latin-1"))
    assert complaint(old).startswith(f"/{name}: ")


@pytest.mark.parametrize(
    ("name", "path", "value", "where"),
    [
        ("summary.json", ("points", 0, "prediction", "saturated_per_s"), "50", "saturated_per_s"),
        ("summary.json", ("points", 0, "prediction", "four_tuples"), 0.5, "four_tuples"),
        ("summary.json", ("points", 0, "measured", "refusals"), None, "refusals"),
        ("manifest.json", ("host", "hz"), "250", "hz"),
    ],
    ids=lambda value: str(value),
)
def test_a_field_of_another_type_is_named(old, name, path, value, where):
    """Also in what is kept as plain data: a word instead of a number, half a port."""
    document = json.loads((old / name).read_text())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (old / name).write_text(json.dumps(document))
    line = complaint(old)
    assert line.startswith(f"/{name}: ")
    assert where in line


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999"])
def test_a_figure_that_is_no_number_is_named(old, text):
    """Python's json would read it, and print `nan %` as the difference to another run."""
    summary = old / "summary.json"
    changed, count = re.subn(r'("goodput_per_s": )[\d.]+', rf"\g<1>{text}", summary.read_text())
    assert count
    summary.write_text(changed)
    assert f"({text} is no number)" in complaint(old)


@pytest.mark.parametrize("field", ["hold_s", "fill_s", "window_s", "saturated_per_s"])
def test_a_prediction_without_what_every_run_has_is_named(old, field):
    """Others may be missing: an older run has not all of today's."""
    document = json.loads((old / "summary.json").read_text())
    del document["points"][0]["prediction"][field]
    (old / "summary.json").write_text(json.dumps(document))
    assert f"{field}: Field required" in complaint(old)


def test_a_summary_of_another_run_is_found(old):
    """Its points are not those that were planned."""
    document = json.loads((old / "summary.json").read_text())
    document["points"][0]["id"] = "another"
    (old / "summary.json").write_text(json.dumps(document))
    assert "a point 'another' that manifest.json does not know" in complaint(old)


def test_a_folder_in_a_files_place_is_named(old):
    """Nor is it read as one."""
    (old / "intervals.csv").unlink()
    (old / "intervals.csv").mkdir()
    assert "intervals.csv" in complaint(old)


def test_what_is_no_run_folder_is_said(tmp_path):
    """Nothing, a file, an empty folder."""
    assert "no such folder" in complaint(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is a file" in complaint(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "has no manifest.json" in complaint(tmp_path / "empty")


def test_a_run_without_a_summary_goes_on_or_was_killed(old):
    """Its line says how to finish it."""
    edit(old, status="running")
    (old / "summary.json").unlink()
    line = complaint(old)
    assert "has no summary.json" in line
    assert "tw-bench run --resume" in line


@pytest.mark.parametrize("words", [["report"], ["compare", str(OLD)]], ids=["report", "compare"])
def test_commands_end_with_seven_and_one_line(sealed, words):
    """No traceback, nothing on stdout, no page left behind."""
    text = (sealed / "samples.csv").read_text()
    (sealed / "samples.csv").write_text(text + "x")
    (sealed / "summary.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "tw_bench", *words, str(sealed)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "")
    assert "Traceback" not in done.stderr
    assert "summary.json" in done.stderr.replace("\n", "")
    assert not (sealed / "report.html").exists()
