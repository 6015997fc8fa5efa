"""Thresholds: how a bound is read, what it can be on, and when it is kept."""

import io
import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.test_found import REFUSED, a_probe, took_us
from tw_bench.errors import ProfileError
from tw_bench.lab.topology import topology
from tw_bench.profile.asked_bounds import AskedBound
from tw_bench.profile.model import Point
from tw_bench.profile.reader import Experiment, read
from tw_bench.profile.thresholds import UNITS, Bound, parse_bound
from tw_bench.report.thresholds_text import failure_line, thresholds_table, value_text
from tw_bench.results.aborting import LIVE, check_bounds, first_met, settle_aborts
from tw_bench.results.metrics import ONLY_GROW, metrics
from tw_bench.results.outcomes import CONNECT, OK
from tw_bench.results.rows import HELD_BACK
from tw_bench.results.schema import (
    Forwarding,
    Found,
    LedgerLine,
    Percentiles,
    PointResult,
    ThresholdResult,
    TimeWait,
)
from tw_bench.results.tally import SideTally, Tally
from tw_bench.results.thresholds import judge, settle

Read = Callable[..., Experiment]

A_PREDICTION = {
    "four_tuples": 100, "hold_s": 1.0, "saturated_per_s": 100.0, "fill_s": 1.0, "window_s": 4.0,
}  # fmt: skip
A_BOUND = "METRIC OP VALUE such as refusals == 0, goodput_per_s >= 450/s or connect_us.p99 < 5ms"


@pytest.fixture
def read_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a profile's lines below its title, and checks its bounds."""
    monkeypatch.chdir(tmp_path)

    def read_text(below: str, *flags: str) -> Experiment:
        Path("p.yaml").write_text(f"title: x\n{below}")
        experiment = read(Path("p.yaml"), (), flags)
        check_bounds(experiment)
        return experiment

    return read_text


def judged(text: str, *points: PointResult, found: Found | None = None) -> list[ThresholdResult]:
    """Return what became of one bound on points."""
    return judge(settle([AskedBound(parse_bound(text), "here")]), points, found)


def the_one(text: str, point: PointResult | None = None) -> ThresholdResult:
    """Return what became of one bound on one point."""
    (result,) = judged(text, point or a_point())
    return result


def a_point(**fields: Any) -> PointResult:
    """Return a point of a hundred ports, with a client that holds 80 of them at its peak."""
    prediction = A_PREDICTION
    time_wait = {"client": TimeWait(peak=80, mean=60.5, made=400)}
    ends = fields.pop("ends", None)
    values: dict[str, Any] = {"prediction": prediction, "time_wait": time_wait, "part": ""}
    return a_probe(ends=ends, **{"id": "point"} | values | fields)


# The grammar.


bounds = st.builds(
    Bound,
    st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,40}", fullmatch=True).filter(str.isascii),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.decimals(-999_999_999_999, 999_999_999_999, places=6),
    st.sampled_from(list(UNITS)),
)


@given(bounds)
def test_a_bound_is_read_as_it_is_written(bound):
    """Whatever its metric, its comparison, its number and its unit."""
    assert bound == parse_bound(str(bound))


@given(bounds)
def test_spaces_do_not_matter(bound):
    """Neither those around the parts nor that there are none."""
    tight = f"{bound.metric}{bound.comparison}{bound.number:f}{bound.unit}"
    loose = f"  {bound.metric}   {bound.comparison} {bound.number:f}  {bound.unit} "
    assert bound == parse_bound(tight) == parse_bound(loose)


@given(st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_what_is_no_bound_says_what_is_wanted(text):
    """Any text, and any value of YAML: a bound, or the error that says what one is."""
    with suppress(ValueError):
        parse_bound(text)
    with pytest.raises(ValueError, match=f"^want {re.escape(A_BOUND)}$"):
        parse_bound(f"{text} is what is asked")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("x < 5ms", 0.005),
        ("x < 450us", 0.00045),
        ("x < 2m", 120),
        ("x < 2%", 0.02),
        ("x < 1.5k/s", 1500),
        ("x < 64KiB", 65536),
        ("x < -3", -3),
    ],
)
def test_amounts(text, amount):
    """Seconds, shares of one, a second, bytes."""
    assert amount == parse_bound(text).amount


@pytest.mark.parametrize("text", ["x = 5", "x < ", "< 5", "x < 5 parsecs", "x < 1e3", "x < 5tw"])
def test_texts_that_are_no_bound(text):
    """One `=`, no number, no metric, another unit."""
    with pytest.raises(ValueError, match="want METRIC OP VALUE"):
        parse_bound(text)


@given(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(-3, 3), st.integers(-3, 3))
def test_a_comparison_is_the_one_of_python(comparison, value, amount):
    """Beside the bound and on it."""
    bound = Bound("x", comparison, Decimal(0), "")
    assert bound.holds(value, amount) == eval(f"{value} {comparison} {amount}")


# The catalogue.


def test_every_figure_of_a_point_is_a_metric():
    """Counts, rates, distributions, each side's TIME_WAIT; units as their names say."""
    known = metrics()
    for name, unit in {
        "goodput_per_s": "/s",
        "measured.goodput_per_s": "/s",
        "refusals": "",
        "first_refusal_s": "s",
        "errors": "",
        "missed": "",
        "connect_call_us.p99": "us",
        "connect_us.count": "",
        "latency_us.max": "us",
        "schedule_lag_us.p99": "us",
        "prediction_error": "share",
        "prediction_error.abs": "share",
        "time_wait.proxy.made": "",
        "generator.cpu": "processors",
        "generator.ceiling_share": "share",
        "memory_peak_bytes": "bytes",
        "requests_per_connection": "",
        "ledger_uneven": "",
        "found.rate_per_s": "/s",
    }.items():
        assert known[name].unit == unit, name
    assert known["missed"].name == "generator.missed"
    assert "cpu" not in known  # the generator's or the proxy's
    assert "repetition" not in known


def test_a_side_is_one_that_the_lab_has():
    """What the profile says of sides, the lab builds."""
    for sections in (
        {},
        {"lab": {"topology": "loopback"}},
        {"lab": {"topology": "own_address"}},
        {"lab": {"topology": "host"}},
        {"proxy": {"kind": "nginx"}},
    ):
        point = Point.model_validate({"id": "x"} | sections)
        assert point.sides == tuple(side.name for side in topology(point).sides)


# Wrong ones, at load: file:line, what was found, what is wanted.

PARTS = "parts: [{name: calm, sweep: {lab.ports: [50, 100]}}, {name: hot}]\n"
WRONG = {
    "thresholds:\n- refusal == 0": "p.yaml:3: no such metric 'refusal': did you mean 'refusals'?",
    "thresholds:\n- errors == 0\n- zzzzz == 0": "p.yaml:4: no such metric 'zzzzz': want one such "
    "as refusals or goodput_per_s",
    "thresholds:\n- connect_us < 5ms": "p.yaml:3: no such metric 'connect_us': did you mean "
    "'connect_us.p99'?",
    "thresholds:\n- refusals = 0": f"p.yaml:3: thresholds.0.check: got 'refusals = 0': "
    f"want {A_BOUND}",
    "thresholds:\n- 5": f"p.yaml:3: thresholds.0.check: got 5: want {A_BOUND}",
    "thresholds: refusals == 0": "p.yaml:2: thresholds: got 'refusals == 0': want a list",
    "thresholds:\n- calm: refusals == 0": "p.yaml:3: unknown key 'thresholds.0.calm': want one of "
    "check, points",
    "thresholds:\n- {check: refusals == 0, point: x}": "p.yaml:3: unknown key "
    "'thresholds.0.point': did you mean 'points'?",
    "thresholds:\n- {check: refusals == 0, points: []}": "p.yaml:3: thresholds.0.points: got []: "
    "want 1 or more",
    "thresholds:\n- goodput_per_s > 5ms": "p.yaml:3: goodput_per_s: got 5ms: want a rate such as "
    "450/s",
    "thresholds:\n- latency_us.p99 < 5/s": "p.yaml:3: latency_us.p99: got 5/s: want a time such as "
    "5ms",
    "thresholds:\n- first_refusal_s > 5%": "p.yaml:3: first_refusal_s: got 5%: want a time such as "
    "30s",
    "thresholds:\n- refusals < 5%": "p.yaml:3: refusals: got 5%: want a plain number such as 10",
    "thresholds:\n- prediction_error.abs < 2": "p.yaml:3: prediction_error.abs: got 2: want a "
    "share such as 2%, or 0",
    "thresholds:\n- time_wait.client.peak < 5ms": "p.yaml:3: time_wait.client.peak: got 5ms: want "
    "a count such as 1000, or a share of what the range holds such as 80%",
    "thresholds:\n- time_wait.client.made < 80%": "p.yaml:3: time_wait.client.made: got 80%: want "
    "a plain number such as 10",
    "thresholds:\n- generator.cpu < 5ms": "p.yaml:3: generator.cpu: got 5ms: want processors such "
    "as 0.5, or 50%",
    "thresholds:\n- memory_peak_bytes < 5s": "p.yaml:3: memory_peak_bytes: got 5s: want a size "
    "such as 64MiB",
    "thresholds:\n- time_wait.proxy.peak < 5": "p.yaml:3: time_wait.proxy.peak: point 'point' has "
    "no side proxy: it has client and server",
    "thresholds:\n- requests_per_connection > 5": "p.yaml:3: requests_per_connection: point "
    "'point' has no proxy",
    "thresholds:\n- found.rate_per_s > 5": "p.yaml:3: found.rate_per_s is of a search, and this "
    "profile has no find: want one of a point",
    "find: max_rate\nthresholds:\n- refusals == 0": "p.yaml:4: refusals is of a point, and a "
    "search tries rates that fail: want found.rate_per_s",
    "find: max_rate\nabort_on:\n- {check: refusals > 5, points: [point]}": "p.yaml:4: points: a "
    "search makes its own: want no points named",
    "target: {protocol: http}\nload: {command: [sh]}\nthresholds:\n- refusals == 0": "p.yaml:5: "
    "refusals: point 'point' runs a command of yours, and only the command knows what became of "
    "each call",
    "abort_on:\n- goodput_per_s > 5": "p.yaml:3: abort_on: goodput_per_s is not known while the "
    "run goes on: want one of refusals, errors, missed, held_back, connections_opened, "
    "transactions_ok, time_wait.SIDE.peak",
    "abort_on:\n- refusals == 5": "p.yaml:3: abort_on: refusals: this count starts at 0 and grows: "
    "want > or >=",
    "abort_on:\n- refusals >= 0": "p.yaml:3: abort_on: refusals >= 0 holds from the start: want "
    "more than 0",
    "abort_on:\n- errrors > 1": "p.yaml:3: no such metric 'errrors': did you mean 'errors'?",
    "target: {protocol: http}\nload: {command: [sh]}\nabort_on:\n- errors > 1": "p.yaml:5: "
    "abort_on: errors: point 'point' runs a command of yours: while it runs only TIME_WAIT is "
    "known of it",
    PARTS + "thresholds:\n- {check: errors == 0, points: [calm, hut]}": "p.yaml:4: no such point "
    "'hut': did you mean 'hot'?",
    PARTS + "thresholds:\n- check: errors == 0\n  points:\n  - hot\n  - calm/ports=500": "p.yaml:7:"
    " no such point 'calm/ports=500': did you mean 'calm/ports=50'?",
    PARTS + "abort_on:\n- {check: errors > 1, points: [qqq]}": "p.yaml:4: no such point 'qqq': "
    "want one of calm, calm/ports=50, calm/ports=100, hot",
    "parts:\n- {name: calm}\n- name: hot\n  thresholds:\n  - errors == 0\n"
    "  - {check: errors == 0, points: [calm]}": "p.yaml:7: no such point 'calm': want one of hot",
    "parts:\n- name: hot\n  thresholds:\n  - erors == 0": "p.yaml:5: no such metric 'erors': did "
    "you mean 'errors'?",
}
FLAGS = {
    "refusal == 0": "no such metric 'refusal': did you mean 'refusals'?",
    "calm": f"want {A_BOUND}, or POINT: METRIC OP VALUE",
    "calm/ports=50#2: errors == 0": "no such point 'calm/ports=50#2': want 'calm/ports=50', for "
    "all repetitions: none is bound alone",
    "hut: errors == 0": "no such point 'hut': did you mean 'hot'?",
    "hot: goodput_per_s > 5ms": "goodput_per_s: got 5ms: want a rate such as 450/s",
}


@pytest.mark.parametrize(("below", "message"), WRONG.items(), ids=lambda text: text[-40:])
def test_a_wrong_one_is_one_line_with_its_place(read_text, below, message):
    """Where it was written, what was found, what is wanted, with the nearest name."""
    with pytest.raises(ProfileError) as caught:
        read_text(below)
    assert str(caught.value) == message


@pytest.mark.parametrize(("flag", "message"), FLAGS.items(), ids=FLAGS)
def test_a_wrong_flag_is_one_line(read_text, flag, message):
    """The same of --threshold, with the flag in the place of the line."""
    with pytest.raises(ProfileError) as caught:
        read_text(PARTS, flag)
    assert str(caught.value) == f"--threshold {flag}: {message}"


def test_a_bound_is_for_its_points(read_text):
    """Of a part, of a point, of the part that it stands in, of every repetition; or of all."""
    bounds = read_text(
        "parts:\n- name: calm\n  sweep: {lab.ports: [50, 100]}\n  thresholds: [errors == 0]\n"
        "- name: hot\n"
        "thresholds: [refusals == 0, {check: missed == 0, points: [hot, calm/ports=50]}]\n",
        "hot: held_back == 0",
        "calm/ports=100 : errors < 5",
    ).bounds.thresholds
    ids = ["calm/ports=50", "calm/ports=100", "calm/ports=100#2", "hot", "hot#3"]
    found = {
        str(each.bound): [id for id in ids if each.is_for(id, id[: 4 if id[0] == "c" else 3])]
        for each in bounds
    }
    assert found == {
        "refusals == 0": ids,
        "missed == 0": ["calm/ports=50", "hot", "hot#3"],
        "errors == 0": ids[:3],
        "held_back == 0": ids[3:],
        "errors < 5": ids[1:3],
    }


def test_the_effective_profile_can_be_read_again(read_text):
    """What the manifest keeps of thresholds is a profile's own form."""
    experiment = read_text("thresholds: [refusals==0, {check: errors < 5, points: [point]}]\n")
    kept = experiment.profile.model_dump(mode="json")["thresholds"]
    assert kept == [
        {"check": "refusals == 0", "points": None},
        {"check": "errors < 5", "points": ["point"]},
    ]


# Kept or not.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("goodput_per_s >= 100", 100),
        ("goodput_per_s >= 0.1k/s", 100),
        ("latency_us.p99 < 1ms", 800),
        ("latency_us.p99 <= 800", 800),
        ("window_s == 4s", 4),
        ("time_wait.client.peak <= 80%", 0.8),
        ("time_wait.client.peak <= 80", 80),
        ("time_wait.client.mean < 61%", 0.605),
        ("generator.cpu <= 10%", 0.1),
        ("generator.cpu < 0.2", 0.1),
        ("prediction_error > -1%", 0),
        ("prediction_error.abs == 0", 0),
        ("errors == 0", 0),
        ("refusals != 1", 0),
    ],
)
def test_one_that_is_kept(text, value):
    """In the unit of the figure, whatever unit the bound was written in."""
    result = the_one(text)
    assert (True, "", value) == (result.passed, result.reason, result.value)


@pytest.mark.parametrize(
    "text", ["goodput_per_s > 100", "latency_us.p99 < 700us", "time_wait.client.peak < 80%"]
)
def test_one_that_is_not_kept(text):
    """On the bound is not below it."""
    result = the_one(text)
    assert not result.passed
    assert result.reason == ""


def test_errors_are_what_is_neither_ok_nor_refused():
    """A timeout is an error, EADDRNOTAVAIL is a refusal."""
    point = a_point(ends={REFUSED: 7, ("receive", "timeout"): 2, ("connect", "ECONNRESET"): 1})
    assert the_one("errors < 3", point).value == 3
    assert the_one("refusals < 3", point).value == 7


@pytest.mark.parametrize("text", ["first_refusal_s > 30", "connections_before_first_refusal >= 5"])
def test_no_refusal_at_all_comes_later_than_any(text):
    """A first refusal that never came keeps `later than`, and keeps no `sooner than`."""
    late = the_one(text)
    assert (True, None, "none was refused") == (late.passed, late.value, late.reason)
    assert not the_one(text.replace(">", "<")).passed


@pytest.mark.parametrize(
    ("text", "fields", "reason"),
    [
        ("refusals == 0", {"status": "failed"}, "the point failed"),
        ("refusals == 0", {"status": "interrupted"}, "the point was stopped"),
        ("refusals == 0", {"measured": None}, "the window was not reached"),
        ("refusals == 0", {"generator": None}, "only the command knows what became of each call"),
        ("errors == 0", {"generator": None}, "there is no errors"),
        ("first_refusal_s > 1", {"generator": None}, "there is no measured.first_refusal_s"),
        ("prediction_error < 2%", {"prediction_error": None}, "no goodput was predicted"),
        ("connect_us.p99 < 5ms", {}, "there is no connect_us.p99"),
        ("time_wait.proxy.peak < 5", {}, "there is no time_wait.proxy.peak"),
        ("time_wait.client.peak < 5%", {"prediction": {}}, "the range holds nothing"),
        ("ceiling_share < 50%", {}, "the generator was never calibrated on this host"),
        ("ledger_uneven == 0", {}, "there was no sum to check"),
        ("ledger_uneven != 5", {}, "there was no sum to check"),
    ],
)
def test_what_was_not_measured_is_not_kept(text, fields, reason):
    """Whatever the comparison: a check that could not be made has failed, and says why."""
    result = the_one(text, a_point(**fields))
    assert (False, None, f"not measured: {reason}") == (result.passed, result.value, result.reason)


STOPPED = {"status": "interrupted", "ends": {REFUSED: 7}}
IN_FILL = STOPPED | {"measured": None}


@pytest.mark.parametrize(
    ("text", "fields", "value"),
    [
        ("refusals == 0", STOPPED, 7),
        ("refusals < 7", STOPPED, 7),
        ("refusals <= 6", IN_FILL, 7),
        ("time_wait.client.peak < 80%", STOPPED, 0.8),
        ("errors == 0", {"status": "failed", "ends": {("connect", "ETIMEDOUT"): 3}}, 3),
        ("refusals < 8", STOPPED, None),
        ("refusals == 8", IN_FILL, None),
        ("refusals != 7", STOPPED, None),
        ("refusals > 7", STOPPED, None),
        ("refusals > 6", STOPPED, None),
        ("time_wait.client.mean < 5", STOPPED, None),
        ("goodput_per_s < 5", STOPPED, None),
    ],
)
def test_a_count_that_is_beyond_its_bound_is_shown_though_its_point_was_stopped(
    text, fields, value
):
    """It only grows: no rest of the run could have mended it. What could have is not measured."""
    result = the_one(text, a_point(**fields))
    assert (False, value) == (result.passed, result.value)
    assert bool(result.reason) == (value is None)


def test_counts_that_grow_are_those_that_are_known_live():
    """One list, in two places: `abort_on` can end a run for no other."""
    assert set(LIVE) == set(ONLY_GROW)


def test_sums_and_proxies():
    """A ledger with one uneven sum; requests on a connection of a proxy."""
    lines = [LedgerLine(name="x", ours=n, kernel=1, counter="y") for n in (1, 2)]
    assert the_one("ledger_uneven == 1", a_point(ledger=lines)).passed
    way = Forwarding(
        kind="nginx", version="1", connections=10, requests_per_connection=9.5, refusals={},
        cpu=0.1, time_wait={}, closed_first={},
    )  # fmt: skip
    assert the_one("requests_per_connection > 9", a_point(forwarding=way)).passed


def a_search(rate_per_s: float | None, ended: str = "settled") -> Found:
    """Return what a search found."""
    return Found(
        rate_per_s=rate_per_s, interval_per_s=(rate_per_s, 200), reason="", outcome="refusals",
        ended=ended, predicted_per_s=100, probe_s=5, precision=0.05, refusals_allowed=0,
        latency_allowed_us={}, probes=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "passed", "reason"),
    [
        (a_search(100), True, ""),
        (a_search(90), False, ""),
        (a_search(None), False, "not measured: no clean rate was found"),
        (a_search(100, "stopped"), False, "not measured: the search was not ended"),
        (None, False, "not measured: the search was not ended"),
    ],
)
def test_a_search_is_judged_once(found, passed, reason):
    """By what it found, and not by its probes."""
    (result,) = judged("found.rate_per_s >= 95/s", a_point(), a_point(), found=found)
    assert ("", passed, reason) == (result.point, result.passed, result.reason)


# While the run goes on.


def met(text: str, tally: Tally, point: str = "x") -> str:
    """Return what a point of fifty ports has come to."""
    aborts = settle_aborts([AskedBound(parse_bound(text), "here", ("x",))])
    return first_met(aborts, Point(id=point), tally, 50)


def a_tally() -> Tally:
    """Return the tally of a point that is under way."""
    tally = Tally("x", 0, 1, 2, opened=40)
    tally.outcomes.update({OK: 30, CONNECT + 99: 7, CONNECT + 104: 2, HELD_BACK: 5})
    tally.sides["client"] = SideTally(peak=40)
    return tally


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("refusals > 6", "abort_on refusals > 6: 7"),
        ("refusals > 7", ""),
        ("errors >= 2", "abort_on errors >= 2: 2"),
        ("held_back > 4", "abort_on held_back > 4: 5"),
        ("missed > 0", ""),
        ("connections_opened > 39", "abort_on connections_opened > 39: 40"),
        ("transactions_ok > 29", "abort_on transactions_ok > 29: 30"),
        ("time_wait.client.peak >= 80%", "abort_on time_wait.client.peak >= 80%: 40 of 50"),
        ("time_wait.client.peak > 80%", ""),
        ("time_wait.server.peak > 1", ""),
    ],
)
def test_a_point_under_way_is_looked_at(text, words):
    """Its counts so far; TIME_WAIT also as a share of what its range holds."""
    assert met(text, a_tally()) == words
    assert met(text, a_tally(), point="y") == ""


def test_what_is_known_while_a_run_goes_on_is_known_after_it():
    """Each is a metric, by its full name."""
    assert set(LIVE) <= {metric.name for metric in metrics().values()}


# As it is shown.


def shown(results: list[ThresholdResult], width: int) -> str:
    """Return the table as a terminal has it."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None)
    console.print(thresholds_table(results, width), soft_wrap=True)
    return file.getvalue()


def some_results() -> list[ThresholdResult]:
    """Return what became of six thresholds on two points, one of which was stopped."""
    texts = ("goodput_per_s >= 99.9/s", "refusals == 0", "time_wait.client.peak < 75%")
    calm = a_point(id="calm")
    dead = a_point(id="curve/ports=28232,source_port=explicit_random", status="interrupted")
    return [each for text in texts for each in judged(text, calm, dead)]


@pytest.mark.parametrize("width", [100, 80, 60])
def test_the_table(width, golden):
    """Failed ones first, with why; it fits a narrow terminal."""
    text = shown(some_results(), width)
    assert max(map(len, text.splitlines())) <= width
    golden(f"thresholds-{width}.txt", text)


def test_many_that_passed_are_only_counted():
    """One line; those that failed are shown in full."""
    many = judged("refusals == 0", *(a_point(id=f"p{number}") for number in range(12)))
    assert shown(many, 80) == "thresholds: 12 of 12 passed\n"
    many += judged("refusals != 0", a_point(id="hot"))
    lines = shown(many, 80).splitlines()
    assert lines[0] == "thresholds: 1 of 13 failed"
    assert ["hot", "refusals", "!=", "0", "0", "failed"] == lines[-1].split()


def test_the_last_line():
    """One line: how many, and the first of them; nothing where all were kept."""
    results = some_results()
    assert failure_line(results) == (
        "thresholds: 4 of 6 failed, the first: goodput_per_s >= 99.9/s at "
        "curve/ports=28232,source_port=explicit_random: not measured: the point was stopped"
    )
    assert failure_line(results[:1]) == ""
    assert failure_line([results[4]]) == "threshold: time_wait.client.peak < 75% at calm: 80 %"


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("goodput_per_s >= 450", 449.9996, "449.9996/s"),
        ("goodput_per_s >= 450", 512.3456, "512.3/s"),
        ("refusals == 0", 1234567, "1,234,567"),
        ("latency_us.p99 < 5ms", 12_345.6, "12.35 ms"),
        ("latency_us.p99 < 5ms", 4_999.9, "4.9999 ms"),
        ("latency_us.p99 < 50us", 61.25, "61.25 us"),
        ("prediction_error.abs < 2%", 0.020001, "2.0001 %"),
        ("first_refusal_s > 30", 29.5, "29.5 s"),
        ("memory_peak_bytes < 1MiB", 2_000_000, "2,000,000 bytes"),
    ],
)
def test_a_figure_is_never_rounded_onto_its_bound(text, value, words):
    """It has as many digits as tell on which side it is."""
    result = the_one(text).model_copy(update={"value": float(value)})
    assert value_text(result) == words


def test_percentiles_are_those_of_the_schema():
    """A distribution's own count is a count, and its mean a time."""
    point = a_point(latency_us=took_us(1500.0))
    assert isinstance(point.latency_us, Percentiles)
    assert the_one("latency_us.count == 100", point).passed
    assert the_one("latency_us.mean >= 1.5ms", point).passed
