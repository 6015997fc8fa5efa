"""Which points run side by side."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.plan.waves import pack

CPUS = st.integers(1, 16)
LOADS = st.lists(st.floats(0, 20), max_size=40)


@pytest.mark.parametrize(
    ("loads", "cpus", "expected"),
    [
        ([], 2, []),
        ([0.1, 1.2, 0.3, 0.9], 2, [[0.1, 1.2, 0.3], [0.9]]),
        ([5.0, 0.1], 2, [[5.0], [0.1]]),
        ([0.1] * 8, 1, [[0.1] * 8]),
        ([0.6, 0.6], 1, [[0.6], [0.6]]),
    ],
)
def test_points_are_packed_largest_first(loads, cpus, expected):
    """First fit, largest first, with a tenth of the processors left to the system."""
    assert expected == pack(loads, cpu=float, cpus=cpus)


@given(LOADS, CPUS)
def test_every_point_runs_once(loads, cpus):
    """Each item is in exactly one wave, and no wave is empty."""
    waves = pack(list(enumerate(loads)), cpu=lambda item: item[1], cpus=cpus)
    assert list(enumerate(loads)) == sorted(itertools.chain(*waves))
    assert all(waves)


@given(LOADS, CPUS, st.integers(1, 5))
def test_a_wave_fits_the_machine(loads, cpus, most):
    """A wave asks for nine tenths of the processors at most, unless one point alone asks more."""
    for wave in pack(loads, cpu=float, cpus=cpus, most=most):
        assert len(wave) == 1 or sum(wave) <= 0.9 * cpus + 1e-9
        assert len(wave) <= most


@given(LOADS, CPUS)
def test_a_wave_keeps_the_profiles_order(loads, cpus):
    """Within a wave the points stand as the profile has them."""
    for wave in pack(list(enumerate(loads)), cpu=lambda item: item[1], cpus=cpus):
        assert wave == sorted(wave)
