"""Runs against a base: how sure a difference is, what is compared, and what is not."""

import shutil
from typing import Any

import numpy as np
import pytest

from tests.unit.compared_runs import (
    HOST,
    a_point,
    a_run,
    a_side,
    measured,
    one_side,
    prediction,
    repeated,
    write,
)
from tw_bench.errors import ResultsError
from tw_bench.results.compare import compare, unjudged, worse
from tw_bench.results.compare_document import Comparison
from tw_bench.results.compare_intervals import Samples, difference, intervals
from tw_bench.results.compare_sides import LoadedSide, read_sides
from tw_bench.results.schema import Found

FIVE = {500: [8.14, 8.13, 8.14, 8.15, 8.14], 1000: [16.27, 16.28, 16.27, 16.27, 16.28]}
CEILING = {"per_s": 1.0, "reached_per_s": 1.0, "cpu": 1.0, "measured_at": "2026-03-04T05:06:07Z"}
LOWER = {500: [7.3, 7.32, 7.31, 7.3, 7.31], 1000: FIVE[1000]}


def change(comparison: Comparison, metric: str = "goodput_per_s", point: str = "ports=500"):
    """Return one figure of the first pair."""
    found = [c for c in comparison.pairs[0].changes if (c.point, c.metric) == (point, metric)]
    assert len(found) == 1, found
    return found[0]


def of(base, other, **fields) -> Comparison:
    """Compare two sides of one run each, given as ports → goodputs of the repetitions."""
    return compare([one_side("A", base), one_side("B", other)], **fields)


@pytest.mark.parametrize(("n", "least"), [(3, 0.92), (4, 0.92), (5, 0.92), (10, 0.92)])
@pytest.mark.parametrize("shape", ["even", "unequal", "skewed"])
def test_an_interval_holds_the_truth(n, least, shape):
    """Of 1,000 simulated pairs with a difference of +10 %, whatever the noise is like."""
    chance = np.random.default_rng(20)
    size = 1_000, n
    base, other = chance.normal(0, 0.02, size), chance.normal(0, 0.02, size)
    if shape == "unequal":
        other /= 5
    if shape == "skewed":
        base, other = (np.exp(10 * noise) / np.exp(0.02) - 1 for noise in (base, other))
    rows = zip((1 + base).tolist(), (1.1 * (1 + other)).tolist(), strict=True)
    found = intervals([Samples(*row, True) for row in rows])
    held = [ends[0] <= 0.1 <= ends[1] for ends in found if ends]
    assert len(held) == 1_000
    assert np.mean(held) >= least


def test_an_interval_narrows_with_more_measurements():
    """Twenty a side tell a smaller difference than five."""
    chance = np.random.default_rng(1)
    width = {}
    for n in (5, 20):
        base, other = chance.normal(1, 0.02, (2, n)).tolist()
        (found,) = intervals([Samples(base, other, True)])
        assert found is not None
        width[n] = found[1] - found[0]
    assert width[20] < width[5] / 1.5


def test_three_a_side_tell_the_same_whichever_is_the_base():
    """The interval of the ratio turned over is the interval turned over."""
    few = [8.0, 8.4, 8.1], [9.0, 9.9, 9.3]
    (there,), (back,) = (intervals([Samples(*pair, True)]) for pair in (few, few[::-1]))
    assert there is not None
    assert back is not None
    turned = [1 / (1 + end) - 1 for end in reversed(back)]
    assert there == pytest.approx(turned)


def test_values_that_are_all_the_same_have_an_interval_without_width():
    """No error, no nan: the difference itself."""
    assert intervals(
        [Samples([8.0] * 5, [8.0] * 5, True), Samples([8.0] * 5, [4.0] * 5, True)]
    ) == [
        (0.0, 0.0),
        (-0.5, -0.5),
    ]
    assert intervals([Samples([0.0] * 3, [7.0] * 3, False)]) == [(7.0, 7.0)]
    assert intervals([Samples([8.0] * 3, [0.0] * 3, True)]) == [(-1.0, -1.0)]


def test_fewer_than_three_a_side_have_no_interval():
    """And samples of other sizes beside them still have theirs, in their order."""
    every = [Samples([1, 2], [1, 2, 3], True), Samples([1, 2, 3], [2, 3, 4], False)]
    none, some = intervals(every)
    assert none is None
    assert some is not None
    assert some[0] <= difference(every[1]) == 1 <= some[1]


def test_a_run_against_itself_shows_no_difference():
    """Not one figure: repeated or not."""
    for side in (one_side("A", FIVE), a_side("A", a_run([a_point(500, 8.1), a_point(900, 14)]))):
        pair = compare([side, side]).pairs[0]
        assert pair.points == 2
        assert {"same", "none"} >= {one.effect for one in pair.changes}
        assert [] == [*pair.verdicts, *pair.not_compared, *worse(pair)]


def test_a_lower_goodput_is_worse_and_comes_first():
    """With its interval around the difference, and the other point the same."""
    comparison = of(FIVE, LOWER)
    found = change(comparison)
    assert (found.effect, found.base_count, found.measurement) == ("worse", 5, "repetition")
    assert found.difference == pytest.approx(-0.102, abs=0.001)
    low, high = found.interval
    assert -0.12 < low < found.difference < high < -0.09
    assert comparison.pairs[0].changes[0] == found
    assert change(comparison, point="ports=1000").effect == "none"
    assert change(of(LOWER, FIVE)).effect == "better"


def test_a_difference_within_one_connection_of_the_window_is_none():
    """Rates without noise: a window of 122.88 s cannot tell one connection from none."""
    one = 1 / 122.88
    assert change(of({500: [8.0] * 5}, {500: [8.0 + one] * 5})).effect == "none"
    assert change(of({500: [8.0]}, {500: [8.0 + one]})).effect == "same"
    assert change(of({500: [8.0] * 5}, {500: [8.0 + 2 * one] * 5})).effect == "negligible"


def test_a_significant_difference_may_be_too_small_to_be_named():
    """Below 1 %, or below what is said to be worth naming."""
    slight = {500: [8.10, 8.09, 8.10, 8.11, 8.10]}
    assert change(of(FIVE, slight)).effect == "negligible"
    assert change(of(FIVE, slight, smallest=0.001)).effect == "worse"


def test_noise_is_no_difference():
    """Means 2 % apart, and every value as far from the others."""
    found = change(of({500: [8.0, 8.4, 7.7, 8.2, 7.9]}, {500: [8.1, 7.6, 8.3, 7.8, 7.6]}))
    assert found.effect == "none"
    assert found.interval[0] < -0.02 < 0 < found.interval[1]


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_measurements_are_not_judged(count):
    """However far they are apart; and what is near is the same."""
    comparison = of({500: [8.0] * count}, {500: [4.0] * count})
    assert (change(comparison).effect, change(comparison).interval) == ("unjudged", None)
    assert unjudged(comparison.pairs[0]) == ["ports=500"]
    assert worse(comparison.pairs[0]) == []


def test_repetitions_and_runs_of_a_side_are_measurements_of_one_thing():
    """Two runs of three repetitions are six measurements; matched by parameters, not by id."""
    runs = [a_run(repeated({500: [8.1, 8.2, 8.0]}), folder=name) for name in "ab"]
    plain = a_run([a_point(500, 8.15)])
    found = change(compare([a_side("A", *runs), a_side("B", plain)]))
    assert (found.base_count, found.other_count, found.interval) == (6, 1, None)


def test_of_three_runs_a_side_each_is_one_measurement():
    """Repetitions share their run's time: three runs of three give three means, not nine values."""

    def side(name, *means):
        goodputs = [{500: [mean - 0.01, mean, mean + 0.01]} for mean in means]
        return a_side(name, *(a_run(repeated(one)) for one in goodputs))

    found = change(compare([side("A", 8.0, 8.5, 9.0), side("B", 8.1, 8.9, 8.4)]))
    assert (found.measurement, found.base_count, found.other_count) == ("run", 3, 3)
    assert found.effect == "none"


def test_new_refusals_are_worse_and_first():
    """A single one, in one repetition of five, where the base has none."""
    clean = {"measured": measured(8.0, refusals=0), "outcomes": []}
    base = a_side("A", a_run([a_point(500, 8.0, n, **clean) for n in range(1, 6)]))
    one = measured(8.0, refusals=1)
    points = [
        a_point(500, 8.0, n, **clean | ({"measured": one} if n == 3 else {})) for n in range(1, 6)
    ]
    comparison = compare([base, a_side("B", a_run(points))])
    first = comparison.pairs[0].changes[0]
    assert (first.metric, first.effect, first.is_new) == ("refusals", "worse", True)
    assert worse(comparison.pairs[0]) == ["ports=500: refusals 0 is now 0.2"]
    back = compare([a_side("B", a_run(points)), base])
    assert not any(one.is_new for one in back.pairs[0].changes)
    gone = of({500: [8.0]}, {500: [8.0]})
    assert change(gone, "refusals").effect == "same"


@pytest.mark.parametrize(
    ("base", "other", "effect"),
    [
        ("offered-load-bound", "port-bound", "worse"),
        ("unlimited", "target-bound", "worse"),
        ("port-bound", "offered-load-bound", "better"),
        ("port-bound", "generator-bound", "changed"),
        ("port-bound", "target-bound", "changed"),
    ],
)
def test_another_verdict_is_told(base, other, effect):
    """From all going through to a limit is worse; which limit it is, is another."""
    sides = [one_side(n, FIVE, verdict=v) for n, v in (("A", base), ("B", other))]
    (pair,) = compare(sides).pairs
    assert [effect] * 2 == [one.effect for one in pair.verdicts]
    assert bool(worse(pair)) == (effect == "worse")


def test_the_verdict_of_most_repetitions_counts():
    """One of five that the generator spoilt is no change."""
    points = repeated({500: FIVE[500]})
    points[2] = points[2].model_copy(update={"verdict": "generator-bound"})
    (pair,) = compare([one_side("A", {500: FIVE[500]}), a_side("B", a_run(points))]).pairs
    assert pair.verdicts == []


def test_unfinished_points_are_not_compared():
    """They are listed; a gate holds them against the side that did not finish them."""
    dead: Any = {
        "status": "failed",
        "measured": None,
        "verdict": "not-measured",
        "error": "it died",
    }
    base = a_run([a_point(500, 8.1), a_point(900, 14.6)])
    other = a_run([a_point(500, 8.1), a_point(900, 14.6, **dead)], folder="r2")
    (pair,) = compare([a_side("A", base), a_side("B", other)]).pairs
    assert pair.points == 1
    assert pair.not_compared == ["B: ports=900 of r2: failed: it died"]
    assert worse(pair) == ["ports=900: was not measured to its end"]
    (back,) = compare([a_side("B", other), a_side("A", base)]).pairs
    assert (back.points, worse(back)) == (1, [])
    assert back.without_base == ["ports=900"]
    assert "ports=900" in unjudged(back)


def test_a_point_is_unfinished_if_one_repetition_is():
    """Failed, or never begun because the run was killed: the others are compared all the same."""
    dead: Any = {"status": "failed", "measured": None, "verdict": "not-measured"}
    points = repeated(FIVE)
    base = a_side("A", a_run(points))
    failed = [*points[:-1], a_point(1000, 16.0, 5, **dead)]
    (pair,) = compare([base, a_side("B", a_run(failed))]).pairs
    assert pair.not_compared == ["B: ports=1000#5 of run: failed: its window was not reached"]
    assert (pair.points, worse(pair)) == (2, ["ports=1000: was not measured to its end"])
    killed = a_run(points[:5], never_begun=points[5:])
    (pair,) = compare([base, a_side("B", killed)]).pairs
    assert pair.not_compared[0] == "B: ports=1000#1 of run: was not begun"
    assert (pair.points, worse(pair)) == (1, ["ports=1000: was not measured to its end"])
    (pair,) = compare([base, LoadedSide("B", base.runs, {"r7": "has no summary.json"})]).pairs
    assert worse(pair) == ["r7: was not measured to its end"]


def test_a_rate_that_was_none_has_no_percentage():
    """The difference is the rate itself, however large."""
    found = change(of({500: [0.0] * 5}, {500: [84.5] * 5}))
    assert (found.effect, found.is_share, found.difference) == ("better", False, 84.5)
    slight = change(of({500: [0.0] * 5}, {500: [0.009] * 5}, smallest=0.5))
    assert slight.effect in ("better", "none")  # whatever share is small, of none there is none


def test_points_of_one_side_only_are_listed():
    """A sweep with another value does not stop the others from being compared."""
    (pair,) = of({500: [8.1], 900: [14.0]}, {500: [8.1], 700: [11.0]}).pairs
    assert pair.not_compared == ["ports=900: only in A", "ports=700: only in B"]
    assert worse(pair) == []


def test_several_sides_are_each_compared_with_the_first():
    """Three sides are two pairs."""
    sides = [one_side(name, FIVE) for name in "ABC"]
    assert [("A", "B"), ("A", "C")] == [(p.base, p.other) for p in compare(sides).pairs]


def a_search(rate: float | None, **fields) -> Found:
    """Return what a search found, to 2 %."""
    given: dict[str, Any] = {
        "rate_per_s": rate, "interval_per_s": (rate, None), "reason": "", "outcome": "refusals",
        "ended": "settled", "predicted_per_s": 8.1, "probe_s": 100, "precision": 0.02,
        "refusals_allowed": 0, "latency_allowed_us": {}, "probes": [],
    }  # fmt: skip
    return Found.model_validate(given | fields)


def test_searches_are_compared_by_what_they_found():
    """Not by their probes; closer than the precision is the same."""

    def side(name, *rates):
        return a_side(name, *(a_run([a_point(500, 8.0)], found=a_search(r)) for r in rates))

    comparison = compare([side("A", 8.0, 8.02, 8.01), side("B", 7.0, 7.01, 7.02)])
    found = change(comparison, "found.rate_per_s", "search")
    assert (found.effect, len(comparison.pairs[0].changes)) == ("worse", 1)
    near = compare([side("A", 8.0), side("B", 8.1)])
    assert change(near, "found.rate_per_s", "search").effect == "same"
    (none,) = compare([side("A", 8.0), side("B", None)]).pairs
    assert none.changes == []
    assert none.not_compared == ["B: search of run: no rate was clean"]
    assert worse(none) == ["search: was not measured to its end"]
    (back,) = compare([side("B", None), side("A", 8.0)]).pairs
    assert (back.without_base, worse(back)) == (["search"], [])


def test_what_a_search_was_asked_is_looked_at():
    """Another setting or precision is listed; another pace or length of probes is refused."""

    def side(name, run=None, point=None, **found):
        points = [a_point(500, 8.0, **(point or {}))]
        return a_side(name, a_run(points, found=a_search(8.0, **found), **(run or {})))

    rst = side("B", run={"asked": {"connection": {"close": "rst"}}}, precision=0.05)
    assert [(one.what, one.values) for one in compare([side("A"), rst]).differs] == [
        ("connection.close", ["fin", "rst"]),
        ("find.precision", ["0.02", "0.05"]),
    ]
    with pytest.raises(ResultsError, match=r"search: a probe of 1\.63 holds in A, of 3\.26 in B"):
        compare([side("A"), side("B", probe_s=200)])
    lapse = side("B", point={"prediction": prediction(8.0, time_lapse=True, hold_s=1.0)})
    with pytest.raises(ResultsError, match="search: time-lapse in B, the real pace in A"):
        compare([side("A"), lapse])
    both = [*side("B").runs, *rst.runs]
    with pytest.raises(ResultsError, match="B: its runs were asked differently: search: "):
        compare([side("A"), a_side("B", *both)])


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "another method": (
        {"method": 2}, {}, "A is of method 1, B of method 2: runs of different methods",
    ),
    "time-lapse": (
        {}, {"prediction": prediction(8.0, time_lapse=True, hold_s=1.0, window_s=2.0)},
        "ports=500: time-lapse in B, the real pace in A",
    ),
    "another window": (
        {}, {"prediction": prediction(8.0, window_s=61.44)},
        "ports=500: a window of 2 holds in A, of 1 in B",
    ),
    "no point in common": (
        {}, {"parameters": {"lab.ports": 9}},
        "no point in common: A has lab.ports=500; B has lab.ports=9: want runs of one profile",
    ),
    "another part": (
        {}, {"part": "calm"},
        "no point in common: A has lab.ports=500; B has calm/lab.ports=500: want runs of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_compared_is_refused(what):
    """Another method, another pace, another window, or other points: with what differs."""
    run, point, expected = REFUSED[what]
    other = a_side("B", a_run([a_point(500, 8.0, **point)], **run))
    with pytest.raises(ResultsError, match=expected):
        compare([a_side("A", a_run([a_point(500, 8.0)])), other])


def test_a_side_without_a_hold_may_be_compared_with_one():
    """Closing with an RST is a setting like others: no window is measured in holds."""
    free = prediction(8.0, hold_s=0, window_s=30)
    other = a_side("B", a_run([a_point(500, 8.0, prediction=free)]))
    assert compare([a_side("A", a_run([a_point(500, 8.0)])), other]).pairs[0].points == 1


def test_what_differs_around_the_runs_is_listed():
    """Kernel, HZ, sysctls, and the settings of the points less what was swept; ceilings are not."""
    sysctls = {"net.core.somaxconn": "128", "net.netfilter.nf_conntrack_count": "5"}
    host = HOST | {"kernel": "6.12.1", "sysctls": sysctls, "ceilings": {"tcp": CEILING}}
    other = a_run([a_point(500, 8.0)], host=host, asked={"connection": {"close": "rst"}})
    found = compare([a_side("A", a_run([a_point(500, 8.0)])), a_side("B", other)]).differs
    assert [(one.what, one.values) for one in found] == [
        ("connection.close", ["fin", "rst"]),
        ("kernel", ["6.18.44", "6.12.1"]),
        ("host's net.core.somaxconn", ["not known", "128"]),
    ]


def test_a_setting_that_an_older_run_did_not_know_is_its_default():
    """Runs of before a setting was there differ only where it is not as it was without."""
    old, new = (a_run([a_point(500, 8.0)], folder=name) for name in "on")
    del old.manifest.points[0]["load"]["arrivals"]
    assert compare([a_side("A", old), a_side("B", new)]).differs == []


def test_runs_of_one_side_must_have_been_asked_the_same():
    """Otherwise their rates are not measurements of one thing."""
    runs = [
        a_run([a_point(500, 8.0)], asked={"connection": {"close": close}})
        for close in ("fin", "rst")
    ]
    with pytest.raises(
        ResultsError, match=r"A: its runs were asked differently: .*close fin and rst"
    ):
        compare([a_side("A", *runs), one_side("B", FIVE)])


def test_a_folder_of_runs_is_one_side(tmp_path):
    """All runs in it; one that has no summary is named, other files are left alone."""
    for name in ("one", "two"):
        write(a_run(repeated(FIVE), started_at=name), tmp_path / "base" / name)
    half = write(a_run(repeated(FIVE)), tmp_path / "base" / "half")
    (half / "summary.json").unlink()
    (tmp_path / "base" / "notes").mkdir()
    single = write(a_run(repeated(LOWER)), tmp_path / "now")
    sides = read_sides([tmp_path / "base", single])
    assert [("base", 2), ("now", 1)] == [(side.name, len(side.runs)) for side in sides]
    (pair,) = compare(sides).pairs
    assert pair.not_compared == ["base: half: has no summary.json: killed, or going on"]
    assert (pair.changes[0].effect, pair.changes[0].base_count) == ("worse", 10)


def test_a_run_counts_once(tmp_path):
    """Not as a copy beside itself, nor on two sides; a side against itself is no difference."""
    for name in ("r1", "r2"):
        write(a_run(repeated(FIVE), started_at=name), tmp_path / "side" / name)
    side = tmp_path / "side"
    with pytest.raises(ResultsError, match=r"side and r1 share the run .*r1: want each run on one"):
        read_sides([side, side / "r1"])
    assert len(read_sides([side, side])) == 2
    shutil.copytree(side / "r1", side / "r3")
    with pytest.raises(ResultsError, match=r"side: .*r1 and .*r3 are copies of one run"):
        read_sides([tmp_path / "side", side / "r2"])


def test_folders_that_hold_no_side_are_refused(tmp_path):
    """No folder, no run in it, or runs of several profiles."""
    run = write(a_run(repeated(FIVE)), tmp_path / "runs" / "one")
    write(a_run(repeated(FIVE), name="other"), tmp_path / "runs" / "two")
    (tmp_path / "empty").mkdir()
    wrong = {"missing": "no such folder", "empty": "holds no run", "runs": "runs of 2 profiles"}
    for name, words in wrong.items():
        with pytest.raises(ResultsError, match=f"{name}: .*{words}"):
            read_sides([run, tmp_path / name])


def test_sides_of_one_name_are_told_apart(tmp_path):
    """By their paths; the same folder twice by a number."""
    paths = [write(a_run(repeated(FIVE)), tmp_path / name / "run") for name in "ab"]
    assert [str(path) for path in paths] == [side.name for side in read_sides(paths)]
    assert ["run", "run (2)"] == [side.name for side in read_sides([paths[0]] * 2)]


def test_intervals_that_miss_by_chance_are_counted():
    """One in twenty of those that could; figures without any noise are none of them."""
    (pair,) = of(FIVE, FIVE).pairs
    noisy = [
        c for c in pair.changes if c.interval and c.metric.endswith(("_us.p99", "goodput_per_s"))
    ]
    assert pair.intervals == len(noisy)
    assert pair.expected_by_chance == pytest.approx(0.05 * pair.intervals)


def test_the_document_reads_back():
    """As JSON it is the same again."""
    comparison = of(FIVE, LOWER)
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
