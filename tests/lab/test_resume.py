"""`tw-bench run --resume`: what was left open is finished, the rest is not run again."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tw_bench import load_run

TW_BENCH = (sys.executable, "-m", "tw_bench")
# Nothing holds these closed loops back, so each is planned with the whole machine: three waves.
WAVES = """title: three waves
load: {closed_loop: 1}
connection: {active_closer: server}
method: {fill: 0s, window: 1s}
parts:
  - {name: first}
  - {name: second, method: {window: 4s}}
  - {name: third}
"""
KNEE = """title: a search
lab: {ports: 60, sysctls: {net.ipv4.tcp_tw_reuse: 1}}
method: {fill: 1tw, window: 2tw}
find: {max_rate: {precision: 10%, side_by_side: 1, probes: 4}}
"""


def begin(tmp_path: Path, profile: str, waves: int = 2) -> subprocess.Popen[str]:
    """Start a run in tmp_path/run and return as soon as so many waves are under load, or begin."""
    (tmp_path / "asked.yaml").write_text(profile)
    process = subprocess.Popen(
        [*TW_BENCH, "run", "asked.yaml", "--out", "run", "--no-progress"],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    rows, summary = tmp_path / "run" / "intervals.csv", tmp_path / "run" / "summary.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        points = Counter(line.split(",")[0] for line in _lines(rows)[1:])
        if (summary.exists() or waves < 2) and len(points) >= waves:
            return process
        time.sleep(0.02)
    process.kill()
    out, err = process.communicate()
    raise AssertionError(f"no such wave: {out}\n{err}")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def tw_bench(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TW_BENCH, *words], cwd=tmp_path, text=True, capture_output=True, timeout=120
    )


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    process.communicate(timeout=60)


def transactions(run: Path) -> Counter[str]:
    """Return point → transactions that went well, by the rows of intervals.csv."""
    columns = load_run(run).intervals("point", "ok")
    found = Counter[str]()
    for point, ok in zip(columns["point"], columns["ok"], strict=True):
        found[str(point)] += int(ok)
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_was_left_open_is_finished(tmp_path, number):
    """Killed or interrupted in the second of three waves: the first is kept to the byte."""
    end(begin(tmp_path, WAVES), number)
    run = tmp_path / "run"
    before = load_run(run)
    assert before.manifest.status == ("running" if number == signal.SIGKILL else "interrupted")
    first = before.point("first")
    assert first.status == "complete"

    resumed = tw_bench(tmp_path, "run", "--resume", "run", "--no-progress")
    assert resumed.returncode == 0, resumed.stderr
    after = load_run(run)
    after.check_all()
    assert after.manifest.status == after.summary.status == "complete"
    assert [point.id for point in after.points] == ["first", "second", "third"]
    assert {point.status for point in after.points} == {"complete"}
    assert after.point("first") == first
    assert after.manifest.started_at == before.manifest.started_at
    assert len(after.manifest.resumed_at) == 1
    # No row is left of the second point's first try, and none is counted twice.
    rows = transactions(run)
    for point in after.points:
        assert point.measured is not None
        assert point.latency_us is not None
        assert rows[point.id] == point.measured.transactions_ok
        assert after.latency(point.id).get_total_count() == point.latency_us.count


@pytest.mark.parametrize("waves", [0, 1])
def test_a_run_that_is_killed_in_its_first_wave_is_begun_again(tmp_path, waves):
    """Before its first row, and behind it; there is no summary yet."""
    process = begin(tmp_path, WAVES, waves)
    if not waves:
        while not (tmp_path / "run" / "manifest.json").exists():
            time.sleep(0.01)
    end(process, signal.SIGKILL)
    assert not (tmp_path / "run" / "summary.json").exists()
    resumed = tw_bench(tmp_path, "run", "--resume", "run", "--no-progress")
    assert resumed.returncode == 0, resumed.stderr
    after = load_run(tmp_path / "run")
    after.check_all()
    assert {point.status for point in after.points} == {"complete"}


@pytest.mark.parametrize("name", ["intervals.csv", "summary.json", "latency.hlog"])
def test_what_was_changed_since_is_not_made_part_of_the_run(tmp_path, name):
    """An interrupted run is sealed; to take it up would seal what somebody wrote into it."""
    end(begin(tmp_path, WAVES), signal.SIGINT)
    path = tmp_path / "run" / name
    path.write_text(path.read_text().replace("1", "2", 1))
    changed = path.read_text()
    refused = tw_bench(tmp_path, "run", "--resume", "run", "--no-progress")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (7, 1)
    assert f"run/{name}: is not what it was when the run was sealed" in refused.stderr
    assert path.read_text() == changed


def test_a_search_goes_on_where_it_was(tmp_path):
    """Its finished probes are not tried again, and lead to the same next ones."""
    end(begin(tmp_path, KNEE), signal.SIGKILL)
    run = tmp_path / "run"
    known = {point.id: point for point in load_run(run).points if point.status == "complete"}
    assert known
    resumed = tw_bench(tmp_path, "run", "--resume", "run", "--no-progress")
    assert resumed.returncode == 0, resumed.stderr
    after = load_run(run)
    assert after.summary.found is not None
    assert len(after.summary.found.probes) == len(after.points) == 4
    for id, point in known.items():
        assert after.point(id) == point


def test_a_run_that_goes_on_is_not_taken_up(tmp_path):
    """Two writers in one folder would mix their rows; the first one notices nothing."""
    process = begin(tmp_path, WAVES)
    refused = tw_bench(tmp_path, "run", "--resume", "run", "--no-progress")
    assert refused.returncode == 7
    assert refused.stderr == "tw-bench: error: run: its run goes on: wait until it ends\n"
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert load_run(tmp_path / "run").manifest.status == "complete"


def test_what_cannot_be_taken_up_is_said(tmp_path):
    """Another kernel, another method, another question, a whole run, no run: a line each."""
    end(begin(tmp_path, WAVES), signal.SIGINT)
    manifest = tmp_path / "run" / "manifest.json"
    document = json.loads(manifest.read_text())

    def refusal(*words: str, **changes: object) -> str:
        changed = document | changes | {"files": {}}
        manifest.write_text(json.dumps(changed))
        process = tw_bench(tmp_path, "run", *words)
        assert process.returncode in (2, 7), process.stderr
        assert len(process.stderr.splitlines()) == 1, process.stderr
        return process.stderr

    resume = ("--resume", "run")
    assert "run: was begun with kernel 5.4.0, here it is " in refusal(
        *resume, host=document["host"] | {"kernel": "5.4.0"}
    )
    assert "run: was begun with processor 80486, here it is " in refusal(
        *resume, host=document["host"] | {"cpu_model": "80486"}
    )
    assert "run: was begun with tw-bench 0.0.1, here it is " in refusal(
        *resume, host=document["host"] | {"tw_bench": "0.0.1"}
    )
    assert "begun with method 0" in refusal(*resume, method_version=0)
    assert "begun with format 1" in refusal(*resume, format_version=1)
    assert "run: is complete" in refusal(*resume, status="complete")
    assert "want no profile" in refusal("asked.yaml", *resume)
    assert "want no profile" in refusal(*resume, "--set", "load.closed_loop=2")
    assert "no profile is given" in refusal()
    assert "nowhere: no such folder" in refusal("--resume", "nowhere")
    manifest.write_text("{")
    torn = tw_bench(tmp_path, "run", *resume)
    assert (torn.returncode, len(torn.stderr.splitlines())) == (7, 1)
    assert "manifest.json: is cut off or no JSON" in torn.stderr
