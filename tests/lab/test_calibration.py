"""The generator measured on this host, for real: once, and kept for the next run."""

import signal
import subprocess

import pytest

from tw_bench.calibration import cache, measure
from tw_bench.errors import HostError
from tw_bench.kernel.process import python_module
from tw_bench.plan import ceilings
from tw_bench.plan.host_facts import read_host_facts
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import Lifetime, PortRange
from tw_bench.profile.sections import ConnectionSpec, LabSpec

SHORT = Point(id="short", lab=LabSpec(ports=PortRange(40_000, 40_009)))
TEN = SHORT.model_copy(
    update={
        "connection": ConnectionSpec(
            active_closer="server", requests_per_connection=Lifetime("fixed", 10, 10, 10)
        )
    }
)


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Start as on a host that was never calibrated."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_second_run_measures_nothing():
    """What was measured is kept, and only what is missing is measured, unless all is asked for."""
    told: list[str] = []
    facts = read_host_facts()
    known, trouble = measure.calibrate([SHORT], facts, tell=told.append)
    assert trouble is None
    (name,) = told
    ceiling = known.ceilings[name]
    assert 0 < ceiling.cpu < 1.5
    assert ceiling.per_s > 0 < ceiling.reached_per_s
    assert cache.load(facts) == known.ceilings
    assert ceilings.per_s(SHORT, known, 1) == pytest.approx(ceiling.per_s)

    again, _ = measure.calibrate([SHORT, SHORT], facts, tell=told.append)
    assert (again, [name]) == (known, told)
    more, _ = measure.calibrate([SHORT, TEN], facts, tell=told.append)
    assert [kind.name for kind, _ in ceilings.kinds(TEN)] == told[1:]
    assert more.ceilings[name] == ceiling
    assert cache.load(facts) == more.ceilings
    measure.calibrate([SHORT], facts, again=True, tell=told.append)
    assert told[-1] == name
    assert cache.load(facts).keys() == more.ceilings.keys()


def test_a_calibration_that_fails_fails_no_run(monkeypatch):
    """The ceiling is unknown, and it is said why."""

    def forbidden(kind: object, facts: object) -> None:
        raise HostError("this host forbids user namespaces")

    monkeypatch.setattr(measure, "measure", forbidden)
    facts, trouble = measure.calibrate([SHORT], read_host_facts())
    assert ({}, "this host forbids user namespaces") == (facts.ceilings, trouble)
    assert cache.load(facts) == {}


def test_a_run_that_was_not_calibrated_says_nothing_of_a_ceiling(measure_point):
    """A run begun by somebody else than the command line has none, and reads as before."""
    point = measure_point("lab: {ports: 10}\nload: {rate: 20/s}\nmethod: {fill: 0s, window: 1s}\n")
    assert point.generator.ceiling_per_s is None
    assert point.generator.ceiling_share is None


@pytest.mark.parametrize("signals", [1, 2])
def test_a_second_signal_ends_a_calibration_at_once(tmp_path, signals):
    """After one, what is being measured is finished and kept; a second one does not wait for it."""
    profile = tmp_path / "profile.yaml"
    profile.write_text("title: a test\nlab: {ports: 10}\n")
    words = ["run", str(profile), "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        [*python_module("tw_bench"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("calibrating: tcp, new")
    for number in (signal.SIGINT, signal.SIGTERM)[:signals]:
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert cache.path().exists() == (signals == 1)
    assert not (tmp_path / "run").exists()
