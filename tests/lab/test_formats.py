"""The folder of a run that has just ended: whole, sealed, and read by the tools of others."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.unit.table_types import wrong_columns
from tw_bench import load_run
from tw_bench.results import percentiles

ROOT = Path(__file__).parents[2]
KINDS: tuple[percentiles.Kind, ...] = ("latency", "service_time")
# The second point waits for nothing and is planned with the whole machine: two waves.
PROFILE = """title: formats
observe: {interval: 0.2s}
parts:
  - name: time-lapse
    lab: {ports: 40, sysctls: {net.ipv4.tcp_tw_reuse: 1}}
    method: {fill: 1tw, window: 2tw}
  - name: closed-loop
    load: {closed_loop: 1}
    connection: {active_closer: server}
    method: {fill: 0s, window: 1s}
thresholds: [refusals >= 0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a run by the command line."""
    place = tmp_path_factory.mktemp("formats")
    (place / "formats.yaml").write_text(PROFILE)
    done = subprocess.run(
        [sys.executable, "-m", "tw_bench", "run", "formats.yaml", "--out", "run", "--no-progress"],
        cwd=place, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place / "run"


def test_everything_is_there_and_sealed(folder):
    """Each file of figures has its checksum, and what is drawn from them has none."""
    run = load_run(folder)
    run.check_all()
    own = {percentiles.file_name(p.id, kind) for p in run.points for kind in KINDS}
    assert {
        "summary.json", "intervals.csv", "samples.csv", "latency.hlog", "service_time.hlog",
        "openmetrics.txt", *own,
    } == set(run.manifest.files)  # fmt: skip


def test_the_distributions_are_those_of_the_logs(folder):
    """What was written at the end is what the intervals add up to, in every wave."""
    run = load_run(folder)
    for point in run.points:
        for kind in KINDS:
            log = run.latency(point.id) if kind == "latency" else run.service_time(point.id)
            whole = percentiles.distribution(log)
            found = run.percentiles(point.id, kind)
            assert found.count.tolist() == whole.count.tolist()
            np.testing.assert_allclose(found.value_us, whole.value_us, atol=0.51)
            text = (folder / percentiles.file_name(point.id, kind)).read_text()
            assert text == percentiles.text(log, point.id, kind)


def test_pandas_finds_the_right_types(folder):
    """Text, int64, float64, as in the runs that are committed."""
    assert wrong_columns(folder) == []


def test_manifest_and_summary_are_as_their_schemas_say(folder):
    """Written by today's code, checked by the shipped files."""
    for kind in ("manifest", "summary"):
        schema = json.loads((ROOT / f"tw_bench/schemas/{kind}.schema.json").read_text())
        document = json.loads((folder / f"{kind}.json").read_text())
        assert [*Draft202012Validator(schema).iter_errors(document)] == []
        known = {*schema["properties"]}
        assert known == {*document}  # and nothing is kept that no schema tells of


def test_openmetrics_has_the_last_samples(folder):
    """TIME_WAIT as the last row of each point and side has it, and what the summary says."""
    run = load_run(folder)
    text = (folder / "openmetrics.txt").read_text()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    rows = run.samples("point", "side", "time_wait")
    last = dict(zip(zip(rows["point"], rows["side"], strict=True), rows["time_wait"], strict=True))
    assert last == {
        (one.labels["point"], one.labels["side"]): one.value
        for one in found["node_sockstat_TCP_tw"].samples
    }
    goodput = {
        one.labels["point"]: one.value for one in found["tw_bench_goodput_per_second"].samples
    }
    measured = [point.measured for point in run.points]
    assert [*goodput.values()] == [one.goodput_per_s for one in measured if one is not None]
    assert {one.value for one in found["tw_bench_threshold_passed"].samples} == {1.0}
