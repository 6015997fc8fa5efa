"""JUnit XML: a suite a run, a case a point and a case a threshold, in the form CI systems read."""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.synthetic import interrupted, quickstart, write_run
from tests.unit.test_thresholds import judged
from tw_bench.errors import ResultsError
from tw_bench.report.junit import clear_place, junit, write_junit
from tw_bench.results.schema import Manifest, Status, Summary

ENDED = "2026-03-04T05:07:17Z"
# windyroad's JUnit.xsd: the attributes that each element must have, and may have.
ATTRIBUTES = {
    "testsuites": ("", ""),
    "testsuite": ("name timestamp hostname tests failures errors time package id", "skipped"),
    "properties": ("", ""),
    "property": ("name value", ""),
    "testcase": ("name classname time", ""),
    "failure": ("type", "message"),
    "error": ("type", "message"),
    "system-out": ("", ""),
    "system-err": ("", ""),
}
SUITE = r"properties( testcase)* system-out system-err"  # its children, in this order


def a_run(folder: Path, points, status: Status = "complete", *texts: str):
    """Return the summary and the manifest of a synthetic run, with thresholds on every point."""
    write_run(folder, points, status)
    summary = Summary.model_validate_json((folder / "summary.json").read_text())
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_text())
    results = [result for text in texts for result in judged(text, *summary.points)]
    return summary.model_copy(update={"thresholds": results}), manifest


def suite_of(text: str) -> ElementTree.Element:
    """Return the one suite of a document."""
    (suite,) = ElementTree.fromstring(text)
    return suite


def assert_valid(text: str) -> None:
    """Assert what the XSD asks: elements in their order, attributes, types, true counts."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        needs, may = (set(names.split()) for names in ATTRIBUTES[element.tag])
        assert needs <= set(element.attrib) <= needs | may, element.tag
    for suite in root:
        assert re.fullmatch(SUITE, " ".join(child.tag for child in suite))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        for kind in ("failure", "error"):
            assert int(suite.attrib[f"{kind}s"]) == len(suite.findall(f"testcase/{kind}"))
        names = [(case.attrib["classname"], case.attrib["name"]) for case in cases]
        assert len(set(names)) == len(names)
        for case in cases:
            assert len(case) <= 1
            assert float(case.attrib["time"]) >= 0
        assert all(each.attrib["name"] for each in suite.iter("property"))


def test_a_run_that_kept_its_thresholds(tmp_path):
    """No failure and no error; a case a point, and a case a threshold and point."""
    summary, manifest = a_run(tmp_path / "run", quickstart(), "complete", "goodput_per_s > 0")
    text = junit(summary, manifest, ENDED)
    assert_valid(text)
    suite = suite_of(text)
    assert ("14", "0", "0") == tuple(suite.attrib[n] for n in ("tests", "failures", "errors"))
    assert "70.000" == suite.attrib["time"]
    facts = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    assert facts["host.kernel"] == "6.18.44"
    assert facts["host.hz"] == "250"
    assert facts["status"] == "complete"


def test_a_threshold_that_was_not_kept_is_a_failure(tmp_path):
    """With the figure."""
    summary, manifest = a_run(
        tmp_path / "run", quickstart(), "complete", "time_wait.client.made < 600"
    )
    text = junit(summary, manifest, ENDED)
    assert_valid(text)
    failed = [case for case in suite_of(text).iter("testcase") if len(case)]
    assert failed
    for case in failed:
        (failure,) = case
        made = summary_point(summary, case.attrib["name"].split(": ")[0]).time_wait["client"].made
        assert failure.attrib["message"] == f"time_wait.client.made < 600: {made:,}"
        assert failure.attrib["type"] == "threshold"


def summary_point(summary: Summary, id: str):
    """Return a point by its id."""
    (point,) = (point for point in summary.points if point.id == id)
    return point


def test_a_point_that_was_not_measured_is_an_error(tmp_path):
    """A failed one says why; one that was stopped too; and their thresholds were not kept."""
    summary, manifest = a_run(tmp_path / "run", interrupted(), "interrupted", "refusals >= 0")
    text = junit(summary, manifest, ENDED, "interrupted")
    assert_valid(text)
    suite = suite_of(text)
    errors = {
        case.attrib["name"]: case[0].attrib for case in suite.iter("testcase")
        if len(case) and case[0].tag == "error"
    }  # fmt: skip
    assert errors["ports=16000: measured"] == {
        "type": "failed",
        "message": "the client's worker 1 was killed",
    }
    assert errors["ports=28232: measured"]["type"] == "not-measured"
    kinds = {failure.attrib["type"] for failure in suite.iter("failure")}
    assert kinds == {"not-measured"}
    assert suite.findtext("system-err") == "interrupted"


def test_every_text_is_escaped(tmp_path):
    """Mark-up and what XML cannot hold, in the title, the name, an id and an error."""
    nasty = "a <script> & \"b\" 'c' ]]> \x1b[31m \x00 \ufffe \ud800 ü"
    summary, manifest = a_run(tmp_path / "run", quickstart(), "complete", "refusals < 0")
    point = summary.points[0].model_copy(update={"id": nasty, "status": "failed", "error": nasty})
    results = [summary.thresholds[0].model_copy(update={"point": nasty, "reason": nasty})]
    summary = summary.model_copy(
        update={"title": nasty, "name": nasty, "points": [point], "thresholds": results}
    )
    text = junit(summary, manifest, ENDED, nasty)
    path = tmp_path / "junit.xml"
    write_junit(path, text)
    assert_valid(path.read_bytes().decode())
    plain = "a <script> & \"b\" 'c' ]]> \\x1b[31m \\x00 \\ufffe \\ud800 ü"
    suite = suite_of(text)
    assert suite.attrib["name"] == plain
    assert [error.attrib["message"] for error in suite.iter("error")] == [plain]
    assert suite.findtext("system-out", "").startswith(plain)


def test_the_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """Folders are made; the old file stays until the new one is there; nothing stays beside it."""
    path = tmp_path / "new" / "junit.xml"
    clear_place(path)
    assert not path.parent.exists()
    write_junit(path, "<testsuites />")
    assert path.read_text() == '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites />\n'

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ResultsError, match=r"cannot be written: No space left on device"):
        write_junit(path, "<other />")
    assert [path] == list(path.parent.iterdir())
    assert "<testsuites />" in path.read_text()


def test_the_file_of_an_earlier_run_goes_before_a_run(tmp_path):
    """A run that is killed leaves none that could be taken for its own."""
    path = tmp_path / "junit.xml"
    write_junit(path, "<testsuites />")
    clear_place(path)
    assert [] == list(tmp_path.iterdir())


def test_what_is_no_junit_file_is_never_removed(tmp_path):
    """A device, a link, the profile, a run's own file: a line, and it is still there."""
    fifo, link, profile = (tmp_path / name for name in ("fifo", "link", "p.yaml"))
    os.mkfifo(fifo)
    profile.write_text("title: a test\n")
    link.symlink_to(profile)
    for path, message in {
        fifo: "is no plain file",
        link: "is no plain file",
        Path(os.devnull): "is no plain file",
        profile: "holds something else than JUnit XML",
    }.items():
        for step in (clear_place, lambda place: write_junit(place, "<testsuites />")):
            with pytest.raises(ResultsError, match=message):
                step(path)
    assert fifo.is_fifo()
    assert link.is_symlink()
    assert Path(os.devnull).is_char_device()
    assert profile.read_text() == "title: a test\n"
    assert {fifo, link, profile} == set(tmp_path.iterdir())


def test_the_run_folder_takes_no_junit_file(tmp_path):
    """Neither one that there is, nor one to come, by whatever way it is named."""
    run = tmp_path / "run"
    for path in (run, run / "summary.json", tmp_path / "other" / ".." / "run" / "x.xml"):
        with pytest.raises(ResultsError, match="is inside the run folder"):
            clear_place(path, run)
    clear_place(tmp_path / "runs.xml", run)


def test_the_time_of_a_run_that_was_taken_up_is_since_then(tmp_path):
    """Not the night between."""
    summary, manifest = a_run(tmp_path / "run", quickstart())
    resumed = manifest.model_copy(
        update={"started_at": "2026-03-03T20:00:00Z", "resumed_at": ["2026-03-04T05:07:00Z"]}
    )
    assert suite_of(junit(summary, resumed, ENDED)).attrib["time"] == "17.000"


def test_a_place_that_cannot_be_written_is_said_before_the_run(tmp_path):
    """A directory, a file in the place of a folder, a folder that takes no file."""
    (tmp_path / "file").touch()
    for path, message in {
        tmp_path: f"--junit {tmp_path}: is a directory: want a file",
        tmp_path / "file/x.xml": f"{tmp_path / 'file'} is no directory: want another place",
        Path("/proc/x.xml"): "--junit /proc/x.xml: cannot be written: ",
        tmp_path / ("x" * 300): "cannot be written: File name too long",
        tmp_path / ("x" * 300) / "x.xml": "cannot be written: File name too long",
        tmp_path / "x\0.xml": "cannot be written: ",
    }.items():
        with pytest.raises(ResultsError) as caught:
            clear_place(path)
        assert message in str(caught.value)
    assert [tmp_path / "file"] == list(tmp_path.iterdir())
