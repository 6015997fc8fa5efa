"""Thresholds on real runs: the exit code, what is kept, and a run that is ended early."""

import asyncio
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tw_bench import load_run
from tw_bench.experiment import Run, open_manifest, sample_columns, sum_up
from tw_bench.plan.host_facts import read_host_facts
from tw_bench.plan.plan import make_plan
from tw_bench.profile.reader import read
from tw_bench.report.live import RunState
from tw_bench.results.run_folder import RunFolder

# Sixty ports in time-lapse: the limit is 60/s.
LAPSE = """title: a test
lab: {ports: 60, sysctls: {net.ipv4.tcp_tw_reuse: 1}}
method: {fill: 1tw, window: 2tw}
parts:
  - {name: calm, load: {rate: 30/s}, thresholds: [errors == 0, first_refusal_s > 1h]}
  - {name: hot, load: {rate: 120/s}}
thresholds:
  - {check: refusals == 0, points: [calm]}
  - ledger_uneven == 0
  - time_wait.client.made > 0
"""
# Fifty ports, each away for a minute, at a hundred a second.
DRY = """title: a test
lab: {ports: 50}
load: {rate: 100/s}
method: {fill: 0s, window: 60s}
"""
FIND = """title: a test
connection: {close: rst}
method: {fill: 0s, window: 1s}
find: {max_rate: {start: 20/s, most: 40/s}}
thresholds: [found.rate_per_s > 0]
"""


def tw_bench(folder: Path, profile: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a profile into folder/run, with a JUnit file beside it."""
    (folder / "p.yaml").write_text(profile)
    command = [sys.executable, "-m", "tw_bench", "run", "p.yaml", "--out", "run"]
    return subprocess.run(
        [*command, "--no-progress", "--junit", "junit.xml", *flags],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def kept(folder: Path) -> tuple[dict[str, Any], dict[str, Any], ElementTree.Element]:
    """Return the summary, the manifest and the suite of a run."""
    summary, manifest = (
        json.loads((folder / f"run/{name}.json").read_text()) for name in ("summary", "manifest")
    )
    (suite,) = ElementTree.parse(folder / "junit.xml").getroot()
    return summary, manifest, suite


def test_a_run_that_keeps_its_thresholds_exits_with_0(tmp_path):
    """Each is judged on its points, printed, and in the folder and the JUnit file."""
    done = tw_bench(tmp_path, LAPSE, "--threshold", "hot: refusals > 0")
    assert (0, "") == (done.returncode, done.stderr)
    assert "thresholds: 8 of 8 passed" in done.stdout
    summary, manifest, suite = kept(tmp_path)
    assert manifest["thresholds"] == ["hot: refusals > 0"]
    judged = [(result["text"], result["point"]) for result in summary["thresholds"]]
    assert judged == [
        ("refusals == 0", "calm"),
        ("ledger_uneven == 0", "calm"),
        ("ledger_uneven == 0", "hot"),
        ("time_wait.client.made > 0", "calm"),
        ("time_wait.client.made > 0", "hot"),
        ("errors == 0", "calm"),
        ("first_refusal_s > 1h", "calm"),
        ("refusals > 0", "hot"),
    ]
    assert ("10", "0", "0") == tuple(suite.attrib[n] for n in ("tests", "failures", "errors"))


def test_one_that_is_not_kept_exits_with_99_and_everything_is_there(tmp_path):
    """The table, the figures, the sealed folder; then one line that says which."""
    done = tw_bench(tmp_path, LAPSE, "--threshold", "hot: refusals == 0")
    assert done.returncode == 99
    (line,) = done.stderr.splitlines()
    summary, manifest, suite = kept(tmp_path)
    refusals = summary["points"][1]["measured"]["refusals"]
    assert refusals > 0
    want = f"thresholds: 1 of 8 failed: refusals == 0 at hot: {refusals:,}"
    assert line == f"tw-bench: error: {want}"
    assert "thresholds: 1 of 8 failed" in done.stdout
    assert ("complete", "complete", None) == (
        summary["status"], manifest["status"], manifest["error"],
    )  # fmt: skip
    assert list((tmp_path / "run/figures").glob("*.svg"))
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"] == f"refusals == 0: {refusals:,}"


@pytest.mark.parametrize(
    ("bound", "begins"),
    [
        ("time_wait.client.peak >= 80%", "abort_on time_wait.client.peak >= 80%: "),
        ("{check: refusals > 0, points: [point]}", "abort_on refusals > 0: "),
    ],
)
def test_abort_on_ends_a_run_early(tmp_path, bound, begins):
    """Long before its minute is over, in order: rows and summary kept, folder sealed, exit 99."""
    done = tw_bench(tmp_path, f"{DRY}abort_on: [{bound}]\n")
    assert done.returncode == 99, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"tw-bench: error: point: {begins}")
    assert line.endswith("what was measured is kept in run")
    summary, manifest, suite = kept(tmp_path)
    (point,) = summary["points"]
    assert {"interrupted"} == {summary["status"], manifest["status"], point["status"]}
    assert point["error"].startswith(begins)
    assert point["error"] in manifest["error"]
    assert point["measured"]["window_s"] < 60
    assert 0 < point["time_wait"]["client"]["peak"] <= 50
    with (tmp_path / "run/intervals.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["ok"]) for row in rows) == point["measured"]["transactions_ok"] > 0
    (error,) = suite.iter("error")
    assert error.attrib["message"] == point["error"]


def test_what_is_not_met_ends_nothing(tmp_path):
    """A bound that no point comes to; the run is complete."""
    done = tw_bench(tmp_path, f"{LAPSE}abort_on: [errors > 1000000]\n")
    assert (0, "") == (done.returncode, done.stderr)


def test_an_error_of_the_run_itself_comes_first(tmp_path):
    """A program that fails is exit 6, whatever the thresholds say; they are judged all the same."""
    profile = (
        "title: a test\ntarget: {protocol: http}\nmethod: {fill: 0s, window: 1s}\n"
        "load: {command: [sh, -c, exit 3]}\nthresholds: [time_wait.client.peak < 10]\n"
    )
    done = tw_bench(tmp_path, profile)
    assert done.returncode == 6, done.stderr
    summary, _, suite = kept(tmp_path)
    (result,) = summary["thresholds"]
    assert (False, "not measured: the point failed") == (result["passed"], result["reason"])
    (error,) = suite.iter("error")
    assert "exit code 3" in error.attrib["message"]


@pytest.mark.parametrize(("bound", "code"), [(">= 40/s", 0), ("> 40/s", 99)])
def test_a_search_is_judged_by_what_it_found(tmp_path, bound, code):
    """Clean up to the most that was asked for, 40/s."""
    done = tw_bench(tmp_path, FIND, "--threshold", f"found.rate_per_s {bound}")
    assert done.returncode == code, done.stderr
    summary, _, _ = kept(tmp_path)
    assert [True, not code] == [result["passed"] for result in summary["thresholds"]]


def test_nothing_is_run_where_the_file_cannot_be_written(tmp_path):
    """Said before the run begins, and there is no folder."""
    (tmp_path / "file").touch()
    done = tw_bench(tmp_path, DRY, "--junit", "file/junit.xml")
    assert done.returncode == 7
    assert "--junit file/junit.xml: file is no directory" in done.stderr
    assert not (tmp_path / "run").exists()


def test_json_is_the_summary_alone(tmp_path):
    """With its thresholds in it, and nothing else on stdout."""
    done = tw_bench(tmp_path, LAPSE, "--json", "--threshold", "hot: refusals == 0")
    assert done.returncode == 99
    assert json.loads(done.stdout) == kept(tmp_path)[0]


def test_a_run_that_was_ended_early_can_be_taken_up_again(tmp_path):
    """With its bounds and its --threshold; a file put into its folder does not break the seal."""
    profile = (
        "title: a test\nlab: {ports: 50}\nload: {rate: 100/s}\nmethod: {fill: 0s, window: 2s}\n"
        "parts: [{name: one}, {name: two, method: {window: 60s}}]\n"
        "abort_on: [{check: refusals > 20, points: [two]}]\n"
    )
    first = tw_bench(tmp_path, profile, "--threshold", "one: refusals > 0")
    assert first.returncode == 99, first.stderr
    (tmp_path / "run" / "note.txt").write_text("of a colleague")
    again = [sys.executable, "-m", "tw_bench", "run", "--resume", "run", "--no-progress"]
    done = subprocess.run(
        [*again, "--junit", "junit.xml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 99, done.stderr
    assert "two: abort_on refusals > 20: " in done.stderr
    run = load_run(tmp_path / "run")
    assert "note.txt" not in run.manifest.files
    summary = run.summary
    assert [("one", "refusals > 0")] == [(each.point, each.text) for each in summary.thresholds]
    report = [sys.executable, "-m", "tw_bench", "report", "run"]
    subprocess.run(report, cwd=tmp_path, check=True, capture_output=True)


def test_a_watch_that_fails_ends_the_run(tmp_path):
    """It looks at `abort_on`: a run that nobody watches would go past its bounds without a word."""
    path = tmp_path / "p.yaml"
    path.write_text(f"{DRY}abort_on: [refusals > 1]\n")
    plan = make_plan(read(path), read_host_facts())
    folder = RunFolder(tmp_path / "run", sample_columns(plan))
    run = Run(plan, folder)

    def fail(state: RunState) -> None:
        if state.points[0].phase == "window":
            raise ValueError("out of words")

    run.watch = fail
    with pytest.raises(ValueError, match="out of words"):
        asyncio.run(run.run())
    (point,) = run.results
    assert (point.status, run.was_stopped) == ("interrupted", False)
    folder.finish(sum_up(plan, run.results, "failed"))
    folder.seal(open_manifest(plan, ["test"]), "failed", None)
