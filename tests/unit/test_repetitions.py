"""`repeat: N`: the profile, the order that it is run in, and the one that stands for the others."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import synthetic
from tests.unit.compared_runs import a_point, repeated
from tests.unit.machines import SMALL
from tw_bench.errors import ProfileError
from tw_bench.plan.plan import make_plan
from tw_bench.plan.waves import pack, shuffled
from tw_bench.profile.reader import read
from tw_bench.report.figures import draw_all
from tw_bench.report.figures.run_data import arrays
from tw_bench.results.reading import load_run
from tw_bench.results.repetitions import (
    Representative,
    groups,
    is_repeated,
    repetitions_text,
    representative,
)
from tw_bench.results.schema import Summary

SWEEP = "repeat: 3\nsweep: {lab.ports: [500, 1000]}\n"


def read_text(tmp_path, text, *settings):
    """Read a text as a profile."""
    path = tmp_path / "p.yaml"
    path.write_text(f"title: x\n{text}")
    return read(path, settings)


def test_each_point_is_there_so_many_times(tmp_path):
    """With ids of their own, siblings by their group; the profile's points stay what they are."""
    experiment = read_text(tmp_path, SWEEP)
    plan = make_plan(experiment, SMALL, seed=7)
    assert ["ports=500", "ports=1000"] == [point.id for point in experiment.points]
    ids = [point.id for point, _ in plan.planned]
    assert ids == [f"ports={ports}#{n}" for ports in (500, 1000) for n in (1, 2, 3)]
    assert Counter(point.group for point, _ in plan.planned) == {"ports=500": 3, "ports=1000": 3}
    assert [1, 2, 3, 1, 2, 3] == [point.repetition for point, _ in plan.planned]
    assert sorted(id for wave in plan.waves for id in wave) == sorted(ids)
    assert plan.shuffle_seed == 7


def test_nothing_is_repeated_by_default(tmp_path):
    """One of each, no number, no seed; `repeat: 1` is the same."""
    for text in ("", "repeat: 1\n"):
        plan = make_plan(read_text(tmp_path, text), SMALL, seed=7)
        ((point, _),) = plan.planned
        assert (point.id, point.repetition, plan.shuffle_seed) == ("point", None, None)


def test_it_can_be_set_on_the_command_line(tmp_path):
    """--set repeat=5 wins over the file."""
    assert read_text(tmp_path, SWEEP, "repeat=5").profile.repeat == 5


def test_advice_is_said_once_of_a_repeated_point(tmp_path):
    """The findings name points, not their repetitions."""
    text = "repeat: 3\nlab: {ports: 501}\n"
    findings = make_plan(read_text(tmp_path, text), SMALL).findings
    assert findings
    assert not [line for line in findings if "#" in line or "3 points" in line]


COMPLAINTS = {
    "repeat: 0": "p.yaml:2: repeat: got 0: want 1 or more",
    "repeat: 101": "p.yaml:2: repeat: got 101: want 100 or less",
    "repeat: often": "p.yaml:2: repeat: got 'often': want a whole number",
    "repeat: 3\nfind: max_rate": (
        "p.yaml:2: repeat: got 3: a search is repeated by running it again: want 1"
    ),
    "sweep: {repeat: [1, 2]}": (
        "p.yaml:2: sweep.repeat: it is one count for all points: want it at the top of the profile"
    ),
    "repeat: 100\nsweep: {lab.ports: [500, 600, 700]}": (
        "p.yaml:2: repeat: 3 points x 100 are 300: want at most 200 in all"
    ),
    "parts: [{name: a, repeat: 3}]": "p.yaml:2: unknown key 'parts.0.repeat': want one of",
}


@pytest.mark.parametrize("text", COMPLAINTS)
def test_what_cannot_be_is_said_with_its_line(tmp_path, text):
    """Out of bounds, too many in all, in a search, swept, or of one part."""
    with pytest.raises(ProfileError) as error:
        read_text(tmp_path, text)
    assert COMPLAINTS[text] in str(error.value)


def test_a_misspelt_setting_is_told_of_repeat(tmp_path):
    """--set repeats=5 is answered with the right word."""
    with pytest.raises(ProfileError, match="did you mean 'repeat'"):
        read_text(tmp_path, "", "repeats=5")


ITEMS = [(group, number) for group in "abcd" for number in range(5)]


def waves_of(seed: int, cpu: float = 0.3, cpus: int = 2) -> list[list[tuple[str, int]]]:
    """Return twenty items of four groups in waves."""
    return shuffled(ITEMS, lambda item: cpu, cpus, group=lambda item: item[0], seed=seed)


def test_repetitions_of_one_group_are_spread_over_the_waves():
    """Four groups of five in four waves of six places: no wave has more than two of a group."""
    for seed in range(50):
        waves = waves_of(seed)
        assert len(waves) == 4
        counts = [Counter(group for group, _ in wave) for wave in waves]
        assert max(max(count.values()) for count in counts) == 2


def test_no_group_always_runs_first_or_beside_the_same_others():
    """Over many seeds each of four groups is first of the first wave about as often."""
    first = Counter(waves_of(seed)[0][0][0] for seed in range(400))
    assert set(first) == set("abcd")
    assert min(first.values()) > 60
    alone = {tuple(sorted(waves_of(seed, cpu=2.0)[0])) for seed in range(100)}
    assert len({group for ((group, _),) in alone}) == 4


def test_the_seed_gives_the_order():
    """The same seed the same waves, another seed others."""
    assert waves_of(3) == waves_of(3)
    assert len({str(waves_of(seed)) for seed in range(20)}) == 20


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=40),
    st.integers(1, 8),
    st.integers(0, 1000),
)
def test_every_repetition_runs_once_in_a_wave_that_fits(items, cpus, seed):
    """None is lost or doubled, no wave is empty, and none asks for more than the machine has."""
    numbered = list(enumerate(items))
    waves = shuffled(
        numbered, lambda item: item[1][1], cpus, group=lambda item: item[1][0], seed=seed
    )
    assert sorted(one for wave in waves for one in wave) == numbered
    assert all(waves)
    for wave in waves:
        assert len(wave) == 1 or sum(cpu for _, (_, cpu) in wave) <= 0.9 * cpus + 1e-9
        assert len(wave) <= 32


def test_shuffling_points_of_one_size_takes_no_more_waves():
    """As many as in the profile's order."""
    packed = pack(ITEMS, lambda item: 0.3, 2)
    assert all(len(waves_of(seed)) == len(packed) for seed in range(20))


def test_the_middle_repetition_stands_for_its_group():
    """By goodput, with all its own figures; of an even count the lower of the two in the middle."""
    points = repeated({500: [8.3, 8.1, 8.2], 900: [14.0, 14.4, 14.1, 14.2]})
    random.Random(1).shuffle(points)
    found = {point.group: point for point in representative(points)}
    assert {"ports=500": 3, "ports=900": 3} == {k: p.repetition for k, p in found.items()}
    assert all(isinstance(point, Representative) for point in found.values())
    assert found["ports=500"].model_dump(exclude={"spread"}) in [p.model_dump() for p in points]


def test_a_picture_shows_one_point_for_each_group(tmp_path):
    """With the rows of that repetition; its card says so, its labels have no number."""
    asked = [synthetic.Asked(id=f"ports=500#{n}", ports=500) for n in (1, 2, 3)]
    folder = synthetic.write_run(tmp_path / "run", asked)
    summary = Summary.model_validate_json((folder / "summary.json").read_text())
    points = [
        point.model_copy(update={"repetition": number})
        for number, point in enumerate(summary.points, start=1)
    ]
    whole = summary.model_copy(update={"points": points})
    (folder / "summary.json").write_text(whole.model_dump_json())
    (shown,) = arrays(load_run(folder)).points
    assert shown.result.group == "ports=500"
    assert shown.seconds is not None
    assert shown.samples
    svgs = [path for path in draw_all(folder) if path.suffix == ".svg"]
    assert svgs


def test_points_that_are_not_repeated_stand_for_themselves():
    """The very objects, and no words about repetitions."""
    points = [a_point(500, 8.1), a_point(900, 14.0)]
    assert all(a is b for a, b in zip(points, representative(points), strict=True))
    assert not is_repeated(points)
    assert repetitions_text(points) == ""


def test_a_repetition_that_failed_does_not_stand_for_the_others():
    """It is left out of middle and spread; where all failed the first one shows it."""
    dead: Any = {"status": "failed", "measured": None, "verdict": "not-measured"}
    points = [a_point(500, 8.1, 1, **dead), a_point(500, 8.2, 2), a_point(500, 8.4, 3)]
    (middle,) = representative(points)
    assert isinstance(middle, Representative)
    assert middle.repetition == 2
    assert middle.spread == pytest.approx(8.4 / 8.2 - 1)
    (first,) = representative([a_point(500, 8.1, n, **dead) for n in (1, 2)])
    assert isinstance(first, Representative)
    assert (first.repetition, first.spread) == (1, None)


def test_the_widest_spread_is_told_once():
    """`median of 5 repetitions, goodput ±0.1 %`."""
    points = repeated({500: [1000, 1001, 1000, 999, 1000], 900: [2000] * 5})
    assert repetitions_text(points) == "median of 5 repetitions, goodput ±0.1 %"
    assert repetitions_text(points[:-1]) == "median of 4 to 5 repetitions, goodput ±0.1 %"
    assert repetitions_text(points[:1]) == "median of 1 repetition"
    assert {"ports=500": 5, "ports=900": 5} == {k: len(g) for k, g in groups(points).items()}
