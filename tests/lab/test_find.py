"""The search for the knee in real namespaces: it finds the law's limit, and keeps what it has."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

LAPSE = """
lab: {ports: 60, sysctls: {net.ipv4.tcp_tw_reuse: 1}}
method: {fill: 1tw, window: 2tw}
"""
KNEE = LAPSE + "find: {max_rate: {precision: 10%, side_by_side: 2}}\n"
# No connection is opened, used and closed in 10 us: each probe is slow, whatever its rate.
SLOW = LAPSE + "find: {max_rate: {start: 20/s, latency_p50: 10us, probes: 2}}\n"
# Nothing is held: every rate of this search is clean.
CLEAN = """
connection: {close: rst}
method: {fill: 0s, window: 1s}
find: {max_rate: {start: 20/s, most: 40/s}}
"""


@pytest.fixture(scope="module")
def knee(measure_once):
    """Sixty ports in time-lapse: the limit is 60/s."""
    return measure_once(KNEE)


def test_the_interval_has_the_predicted_limit_in_it(knee):
    """No clean rate is above one connection a hold more; no dirty one below, by the ports alone.

    A refusal after a schedule lag that is longer than the precision is the generator's, and says
    nothing of the ports; after a shorter one it is off by less than the precision.
    """
    found = knee.found
    assert found.predicted_per_s == 60
    low, high = found.interval_per_s
    assert low <= 61
    assert found.outcome in ("refusals", "generator"), found
    assert found.outcome == "generator" or 60 <= high * (1 + found.precision), found
    assert found.ended == "settled"
    assert high / low <= 1 + found.precision + 1e-3


def test_every_probe_is_a_point_in_a_lab_of_its_own(knee):
    """In summary.json with all its figures and even sums; clean is without a single refusal."""
    assert [probe.id for probe in knee.found.probes] == [point.id for point in knee.points]
    for point, probe in zip(knee.points, knee.found.probes, strict=True):
        assert point.id == f"find/{probe.rate_per_s:.5g}/s"
        assert point.prediction["offered_per_s"] == probe.rate_per_s
        assert all(line.is_even for line in point.ledger), point.ledger
        if probe.outcome in ("clean", "refusals"):
            assert (point.measured.refusals > 0) == (probe.outcome == "refusals"), probe


def test_a_latency_bound_that_nothing_keeps(measure):
    """Ten microseconds: every probe is dirty; by its own lag where the generator was late."""
    found = measure(SLOW).found
    assert {probe.outcome for probe in found.probes} <= {"latency", "generator"}, found
    assert [probe.rate_per_s for probe in found.probes] == [20, 10]
    assert (None, 10, "probes") == (*found.interval_per_s, found.ended)
    assert found.outcome == "generator" or found.reason.startswith("latency p50 "), found


def test_a_search_that_never_meets_the_knee(measure):
    """Clean up to the most that was asked for: the knee lies above it."""
    found = measure(CLEAN).found
    assert [probe.rate_per_s for probe in found.probes] == [20, 40]
    assert (40, None, "most", "clean") == (*found.interval_per_s, found.ended, found.outcome)
    assert found.predicted_per_s is None


def test_an_interrupted_search_keeps_its_probes(tmp_path):
    """Ctrl-C in the second probe: exit 130, the first one counts, and both are in the folder."""
    profile, out = tmp_path / "p.yaml", tmp_path / "run"
    profile.write_text(
        "title: x\n" + LAPSE.replace("2tw", "4tw") + "find: {max_rate: {most: 30/s}}"
    )
    command = [sys.executable, "-m", "tw_bench", "run", str(profile), "--out", str(out), "--json"]
    run = subprocess.Popen(
        [*command, "--set", "find.max_rate.start=20/s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while "find/30/s" not in points_in(out / "intervals.csv"):
        assert time.monotonic() < deadline, "waited in vain"
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    printed, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    kept = json.loads((out / "summary.json").read_text())
    assert json.loads(printed) == kept
    first, second = kept["found"]["probes"]
    assert ("find/20/s", "find/30/s") == (first["id"], second["id"])
    assert second["outcome"] == "not-measured"
    assert kept["found"]["ended"] == "stopped"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"
    assert [point["id"] for point in manifest["points"]] == ["find/20/s", "find/30/s"]
    assert manifest["waves"] == [["find/20/s"], ["find/30/s"]]


def points_in(path) -> set[str]:
    """Return the points that a CSV has rows of, so far."""
    if not path.exists():
        return set()
    return {row["point"] for row in csv.DictReader(path.read_text().splitlines())}
