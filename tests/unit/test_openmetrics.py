"""openmetrics.txt: read back by a parser of the format, it says what the summary says."""

import math
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tw_bench.observe.counters import GAUGES
from tw_bench.results.openmetrics import SAMPLED, openmetrics
from tw_bench.results.reading import load_run
from tw_bench.results.schema import Found, ThresholdResult

ROOT = Path(__file__).parents[2]
RUNS = sorted(
    path.parent
    for folder in ("results/reference", "tests/data/runs")
    for path in (ROOT / folder).glob("*/manifest.json")
)
OLD = ROOT / "tests/data/runs/format-1"
HEAD = "point,side,time_s,time_wait,in_use,orphans,established\n"
AT_S = 1_795_276_250


def families(folder=OLD, samples=None, **update):
    """Return family → (type, unit, samples) of a run, its summary changed."""
    run = load_run(folder)
    summary = run.summary.model_copy(update=update)
    text = openmetrics(run.manifest, summary, samples or run.path / "samples.csv", AT_S)
    assert text.endswith("# EOF\n")
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family, *labels):
    """Return value by these labels."""
    return {tuple(one.labels.get(name) for name in labels): one.value for one in family.samples}


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
def test_every_committed_run_parses_and_says_the_same(folder):
    """Rates, refusals, verdict and counters are those of the summary; each sample has its time."""
    found, run = families(folder), load_run(folder)
    goodput = values(found["tw_bench_goodput_per_second"], "point")
    refused = values(found["tw_bench_refusals"], "point", "errno")
    verdict = values(found["tw_bench_verdict"], "point", "tw_bench_verdict")
    made = values(found["node_netstat_TcpExt_TW"], "point", "side")
    for point in run.points:
        assert point.measured is not None
        assert goodput[point.id,] == point.measured.goodput_per_s
        own = [count for (id, _), count in refused.items() if id == point.id]
        assert sum(own) == point.measured.refusals
        assert verdict[point.id, point.verdict] == 1
        for side, counters in point.counters.items():
            assert made[point.id, side] == counters.get("TcpExt.TW", 0)
    assert sum(verdict.values()) == len(run.points)
    for family in found.values():
        for sample in family.samples:
            assert float(sample.timestamp) == AT_S
            assert sample.labels["profile"] == run.summary.name


def test_names_and_units_are_those_of_the_format():
    """Ours end in a base unit, counters in _total; what node_exporter gives no type has none."""
    for name, family in families().items():
        assert name.startswith(("tw_bench_", "node_sockstat_TCP_", "node_netstat_Tcp"))
        if name.startswith("node_netstat"):
            assert family.type == "unknown"
        elif name.startswith("node_sockstat"):
            assert family.type == "gauge"
        assert family.unit in ("", "seconds", "ratio")
        assert name.endswith(family.unit)
        assert not name.endswith(("_us", "_ns", "_ms", "_s"))
        if family.type == "counter":
            assert all(one.name == f"{name}_total" for one in family.samples)


def test_gauges_go_by_the_names_of_node_exporter():
    """node_sockstat_TCP_tw and its like: the file, the protocol, the field, as it makes them."""
    kernels = {
        column: f"node_sockstat_{name.removeprefix('sockstat.').replace('.', '_')}"
        if name.startswith("sockstat")
        else f"node_netstat_{name.replace('.', '_')}"
        for column, name in GAUGES.items()
    }
    assert kernels == SAMPLED


def test_durations_are_summaries_in_seconds():
    """Quantiles, the longest as the last of them, count and sum."""
    point = load_run(OLD).points[0]
    usual = point.latency_us
    assert usual is not None
    own = [
        (one.name, one.labels.get("quantile"), one.value)
        for one in families()["tw_bench_latency_seconds"].samples
        if one.labels["point"] == point.id
    ]
    name = "tw_bench_latency_seconds"
    assert own == [
        (name, "0.5", pytest.approx(usual.p50 / 1e6)),
        (name, "0.9", pytest.approx(usual.p90 / 1e6)),
        (name, "0.99", pytest.approx(usual.p99 / 1e6)),
        (name, "0.999", pytest.approx(usual.p999 / 1e6)),
        (name, "1.0", pytest.approx(usual.max / 1e6)),
        (f"{name}_count", None, usual.count),
        (f"{name}_sum", None, pytest.approx(usual.mean * usual.count / 1e6)),
    ]


def test_a_point_without_a_limit_has_an_infinite_one():
    """null is unlimited in the summary, +Inf here; and no refusal is a count of 0."""
    found = families()
    limits = values(found["tw_bench_limit_per_second"], "point", "kind")
    assert limits["server-closes", "saturated"] == math.inf
    assert limits["time-lapse/ports=50", "saturated"] == 50
    refused = values(found["tw_bench_refusals"], "point", "phase", "errno")
    assert refused["server-closes", "connect", "EADDRNOTAVAIL"] == 0


def test_the_last_whole_row_of_each_side_is_taken(tmp_path):
    """A point whose name has a comma is quoted; a row that was cut off does not count."""
    path = tmp_path / "samples.csv"
    path.write_text(
        HEAD
        + "a,client,0.0,1,1,1,1\n"
        + '"a=1,b=2",client,0.0,7,7,7,7\n'
        + "a,server,0.0,2,2,2,2\n"
        + "a,client,0.1,3,4,5,6\n"
        + '"a=1,b=2",client,0.1,8,8,8,8\n'
        + "a,client,0.2,9"
    )
    points = load_run(OLD).points
    asked = [points[0].model_copy(update={"id": id}) for id in ("a", "a=1,b=2")]
    found = families(samples=path, points=asked)
    assert values(found["node_sockstat_TCP_tw"], "point", "side") == {
        ("a", "server"): 2,
        ("a", "client"): 3,
        ("a=1,b=2", "client"): 8,
    }
    assert values(found["node_sockstat_TCP_orphan"], "point", "side")["a", "client"] == 5


def test_whatever_a_name_holds_is_escaped():
    """Quotes, backslashes and line ends come back as they were."""
    id = 'x/"quoted"\\ and\na line'
    point = load_run(OLD).points[0].model_copy(update={"id": id})
    found = families(points=[point], name='a "name"')
    ((sample,),) = [family.samples for name, family in found.items() if "goodput" in name]
    assert (sample.labels["point"], sample.labels["profile"]) == (id, 'a "name"')


def test_thresholds_and_what_a_search_found_are_there():
    """1 where a threshold holds; the two ends of the interval, a missing one left out."""
    point = load_run(OLD).points[0].id
    threshold = ThresholdResult(
        point=point, text="refusals == 0", metric="measured.refusals", unit="",
        value=75.0, bound=0.0, passed=False, reason="",
    )  # fmt: skip
    search = Found(
        rate_per_s=50, interval_per_s=(50, None), reason="", outcome="clean", ended="most",
        predicted_per_s=None, probe_s=1, precision=0.02, refusals_allowed=0,
        latency_allowed_us={}, probes=[],
    )  # fmt: skip
    found = families(thresholds=[threshold], found=search)
    passed = values(found["tw_bench_threshold_passed"], "point", "threshold")
    assert passed == {(point, "refusals == 0"): 0}
    assert values(found["tw_bench_found_per_second"], "bound") == {("highest_clean",): 50}


def test_a_point_that_never_began_has_only_what_was_predicted():
    """No measured figure is made up of it."""
    point = load_run(OLD).points[0].model_copy(
        update={
            "measured": None, "prediction_error": None, "outcomes": [], "time_wait": {},
            "counters": {}, "connect_call_us": None, "connect_us": None, "latency_us": None,
            "service_time_us": None, "generator": None, "ledger": [], "verdict": "not-measured",
        }
    )  # fmt: skip
    ours = {name for name in families(points=[point]) if name.startswith("tw_bench")}
    assert ours == {
        "tw_bench_run",
        "tw_bench_verdict",
        "tw_bench_expected_per_second",
        "tw_bench_limit_per_second",
    }
