"""The section `find` of a profile: its short form, its settings, and each way to be wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.machines import SMALL
from tw_bench.doctor.profile_check import Place, check_profile
from tw_bench.errors import ProfileError
from tw_bench.plan.plan import make_plan
from tw_bench.plan.search import Probe
from tw_bench.profile.find_section import FindSpec
from tw_bench.profile.quantities import Rate, Share
from tw_bench.profile.reader import Experiment, read


def read_text(tmp_path: Path, text: str, *settings: str) -> Experiment:
    """Read a text as a profile."""
    path = tmp_path / "p.yaml"
    path.write_text(f"title: x\n{text}")
    return read(path, settings)


def find(tmp_path: Path, text: str, *settings: str) -> FindSpec:
    """Return the section of a profile's text."""
    found = read_text(tmp_path, text, *settings).profile.find
    assert found is not None
    return found


def test_the_short_form_has_all_defaults(tmp_path):
    """`find: max_rate` and an empty map are the same; no refusal, to 2 %."""
    short = find(tmp_path, "find: max_rate")
    assert short == find(tmp_path, "find: {max_rate: {}}") == find(tmp_path, "", "find=max_rate")
    assert (Share(0.0), Share(0.02), 16) == (
        short.max_rate.refusals,
        short.max_rate.precision,
        short.max_rate.probes,
    )


def test_everything_can_be_set(tmp_path):
    """In the file, and by --set, also where the file has the short form."""
    long = "find: {max_rate: {start: 200/s, most: 5k/s, refusals: 0, latency_p99: 20ms}}"
    assert find(tmp_path, long).max_rate.most == Rate(5_000, "/s")
    for text in (long, "find: max_rate"):
        spec = find(tmp_path, text, "find.max_rate.precision=0.5%").max_rate
        assert spec.precision == Share(0.005)


COMPLAINTS = {
    "find: min": (
        "p.yaml:2: find: got 'min': want max_rate, or a map such as {max_rate: {precision: 1%}}"
    ),
    "find: {max_rate: }": "p.yaml:2: find.max_rate: got nothing: want a map of settings",
    "find: {max_rat: {}}": "p.yaml:2: unknown key 'find.max_rat': did you mean 'max_rate'?",
    "find: {max_rate: {prec: 2%}}": (
        "p.yaml:2: unknown key 'find.max_rate.prec': did you mean 'precision'?"
    ),
    "find: {max_rate: {precision: 2}}": (
        "p.yaml:2: find.max_rate.precision: got 2: want a share such as 2%, 0.1% or 0"
    ),
    "find: {max_rate: {precision: 0}}": (
        "p.yaml:2: find.max_rate.precision: got 0%: want 0.1% to 50%"
    ),
    "find: {max_rate: {refusals: 101%}}": (
        "p.yaml:2: find.max_rate.refusals: got '101%': want a share such as 2%, 0.1% or 0"
    ),
    "find: {max_rate: {latency_p99: 1tw}}": (
        "p.yaml:2: find.max_rate.latency_p99: got 1tw: want 10us to 600s"
    ),
    "find: {max_rate: {start: 5M/s}}": (
        "p.yaml:2: find.max_rate.start: got 5000000/s: want 0.001/s to 1,000,000/s"
    ),
    "find: {max_rate: {start: 9/s, most: 5/s}}": (
        "p.yaml:2: find.max_rate.most: got 5/s: want more than the start, 9/s"
    ),
    "find: {max_rate: {probes: 1}}": "p.yaml:2: find.max_rate.probes: got 1: want 2 or more",
    "find: max_rate\nload: {rate: 5/s}": (
        "p.yaml:3: load.rate: find: max_rate offers rates of its own: want it left away"
    ),
    "find: max_rate\nload: {closed_loop: 5}": (
        "p.yaml:3: load.closed_loop: find: max_rate offers rates of its own: want it left away"
    ),
    "find: max_rate\nload: {arrivals: poisson}": (
        "p.yaml:3: load.arrivals: got 'poisson': find: max_rate is of constant ones"
    ),
    "find: max_rate\nsweep: {lab.ports: [500, 600]}": (
        "p.yaml:3: sweep: find looks for the rate of one point: want no parts and no sweep"
    ),
    "find: max_rate\nparts: [{name: a}]": (
        "p.yaml:3: parts: find looks for the rate of one point: want no parts and no sweep"
    ),
    "sweep: {find.max_rate.probes: [3]}": (
        "p.yaml:2: sweep.find.max_rate.probes: a search is of one point: want no sweep"
    ),
}


@pytest.mark.parametrize(("text", "message"), COMPLAINTS.items())
def test_what_is_wrong_is_said_at_its_line(tmp_path, text, message):
    """One line: where, what was found, what is wanted."""
    with pytest.raises(ProfileError) as refusal:
        read_text(tmp_path, text)
    assert str(refusal.value).endswith(message)


def test_a_plan_grows_by_the_rounds_of_its_search(tmp_path):
    """First one probe; after it was clean its double, in a wave of its own; at most 16."""
    plan = make_plan(read_text(tmp_path, "lab: {ports: 500}\nfind: max_rate"), SMALL)
    assert plan.waves == [["find/4.4177/s"]]
    assert plan.duration_s == pytest.approx(16 * 3 * 61.44)
    assert plan.most_waves == 16
    grown = plan.continued([Probe(4.4177, True)])
    assert grown.waves == [["find/4.4177/s"], ["find/8.8354/s"]]
    assert [point.id for point, _ in grown.planned] == ["find/4.4177/s", "find/8.8354/s"]
    assert grown.duration_s == plan.duration_s
    settled = [Probe(8.0, True), Probe(8.1, False)]
    assert grown.continued(settled) == grown
    assert grown.continued([Probe(4.4177, True)]) == grown  # the second could not be judged


def test_probes_at_once_are_a_wave(tmp_path):
    """Two at a time, where the processors carry them."""
    text = "lab: {ports: 500}\nfind: {max_rate: {side_by_side: 2}}"
    plan = make_plan(read_text(tmp_path, text), SMALL)
    assert plan.waves == [["find/4.4177/s", "find/8.8354/s"]]


def test_probes_at_once_may_need_a_wave_each(tmp_path):
    """So the most that is said is that of all probes one after the other."""
    text = "lab: {ports: 500}\nfind: {max_rate: {side_by_side: 2}}"
    plan = make_plan(read_text(tmp_path, text), replace(SMALL, cpus=0))
    assert len(plan.waves) == 2
    assert plan.most_waves == 16
    assert plan.duration_s == pytest.approx(16 * 3 * 61.44)


def test_what_is_said_before_a_search_is_of_all_its_probes(tmp_path):
    """Of the point at its default rate, not of the first probe, which asks for little."""
    text = "lab: {ports: 501}\nfind: max_rate"
    (said,) = make_plan(read_text(tmp_path, text), SMALL).findings
    assert said.startswith("point: each connect() looks at an even count")


def test_the_doctor_calls_a_search_a_search(tmp_path):
    """Not one point in one wave."""
    profile = read_text(tmp_path, "lab: {ports: 500}\nfind: max_rate")
    said = [each.found for each in check_profile(profile, SMALL, Place())]
    assert "a search of at most 16 probes, 49 min 09 s of load at the most" in said
