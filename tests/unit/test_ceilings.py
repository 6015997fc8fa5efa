"""The generator's ceiling: kinds of transaction, what is kept for the next run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.machines import SMALL
from tests.unit.test_tally import judged
from tw_bench.calibration import cache
from tw_bench.plan import ceilings
from tw_bench.plan.ceilings import Ceiling
from tw_bench.plan.prediction import predict
from tw_bench.profile.model import Point
from tw_bench.profile.reader import read
from tw_bench.report.generator_text import ceiling_rows

HTTP = "target: {protocol: http}\nclient: {kind: http}\n"
NEW = "tcp, new connections, fin by the client, up to 4 KiB"
KEPT = "tcp, kept, up to 4 KiB"
ONE = Ceiling(per_s=20_000.0, reached_per_s=19_000.0, cpu=0.95, measured_at="2026-11-21T12:00:00Z")


@pytest.fixture
def point(tmp_path):
    """Return a function that reads the only point of a profile's text."""

    def point(text: str = "") -> Point:
        path = tmp_path / "profile.yaml"
        path.write_text(f"title: a test\n{text}")
        (only,) = read(path, ()).points
        return only

    return point


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", [NEW]),
        ("connection: {close: half}", [NEW]),
        ("connection: {source_port: bind_zero}\nlab: {ports: 10}", [NEW]),
        ("connection: {close: unread}", ["tcp, new connections, rst by the client, up to 4 KiB"]),
        ("connection: {active_closer: both}", [NEW]),
        (
            "connection: {active_closer: server}",
            ["tcp, new connections, fin by the server, up to 4 KiB"],
        ),
        ("connection: {requests_per_connection: 10}", [NEW, KEPT]),
        ("connection: {response_bytes: 5000}", [NEW.replace("4 KiB", "64 KiB")]),
        ("connection: {response_bytes: 1MiB}", [NEW.replace("4 KiB", "1024 KiB")]),
        (HTTP, ["http, new connections, up to 4 KiB"]),
        (
            HTTP.replace("http}\n", "aiohttp}\n").replace("protocol: aiohttp", "protocol: http"),
            ["aiohttp, kept, up to 4 KiB"],
        ),
        ("load: {command: [sh]}\ntarget: {protocol: http}", []),
    ],
)
def test_what_bears_on_the_clients_processor_time_is_a_kind(point, text, names):
    """The client, new or kept, who closes and how, and the size; not ports, not the lab."""
    assert names == [kind.name for kind, _ in ceilings.kinds(point(text))]


def test_a_kind_is_measured_without_a_limit(point):
    """Its point is a closed loop of one worker over all ports, shorter than a second."""
    ((kind, share),) = ceilings.kinds(point("lab: {ports: 10, held_ports: 32768-32769}"))
    prediction = predict(kind.point, SMALL)
    assert (1, 1.0, 64_512) == (prediction.workers, share, prediction.usable_ports)
    assert prediction.duration_s < 0.5


def test_a_connection_of_ten_requests_is_one_new_and_nine_kept(point):
    """Processor times add up, not rates."""
    facts = replace(SMALL, ceilings={NEW: ONE, KEPT: replace(ONE, per_s=100_000.0)})
    ten = point("connection: {requests_per_connection: 10}")
    assert ceilings.per_worker_per_s(ten, facts) == pytest.approx(1e6 / (0.1 * 50 + 0.9 * 10))


@pytest.mark.parametrize(("cpus", "workers", "times"), [(1, 1, 1), (2, 2, 1), (8, 2, 2), (8, 9, 7)])
def test_workers_that_have_no_processor_raise_no_ceiling(point, cpus, workers, times):
    """One processor is the target's, where there are two."""
    facts = replace(SMALL, cpus=cpus, ceilings={NEW: ONE})
    assert ceilings.per_s(point(), facts, workers) == times * ONE.per_s


def test_where_one_kind_is_unknown_the_ceiling_is(point):
    """Half of the truth is none."""
    facts = replace(SMALL, ceilings={NEW: ONE})
    assert ceilings.per_s(point("connection: {requests_per_connection: 10}"), facts, 1) is None
    assert ceilings.per_s(point(), SMALL, 1) is None


def test_what_was_measured_here_moves_the_plan(point):
    """A host that is slower than the one of our figures needs more workers for the same rate."""
    text = "load: {rate: 12k/s}\nconnection: {active_closer: server}"
    name = NEW.replace("client", "server")
    slow = replace(SMALL, cpus=8, ceilings={name: replace(ONE, per_s=5_000.0)})
    known = predict(point(text), slow)
    unknown = predict(point(text), replace(SMALL, cpus=8))
    assert known.workers > unknown.workers
    assert known.ceiling_per_s == known.workers * 5_000
    assert unknown.ceiling_per_s is None


def test_what_is_kept_is_found_again_on_this_host_only(folder):
    """Another kernel, processor or Python is another host."""
    assert cache.load(SMALL) == {}
    cache.save(SMALL, {NEW: ONE})
    assert cache.load(SMALL) == {NEW: ONE}
    for other in ({"kernel": "6.19.0"}, {"cpus": 64}, {"cpu_model": "x"}, {"python": "3.12.0"}):
        assert cache.load(replace(SMALL, **other)) == {}
    cache.save(replace(SMALL, kernel="6.19.0"), {KEPT: ONE})
    assert cache.load(SMALL) == {NEW: ONE}
    assert [path.name for path in (folder / "tw-bench").iterdir()] == ["ceilings.json"]


def test_the_file_does_not_grow_without_end(folder):
    """A home that many machines share keeps the latest."""
    for number in range(50):
        cache.save(replace(SMALL, kernel=f"6.{number}.0"), {NEW: ONE})
    assert len(json.loads(cache.path().read_text())) == 20
    assert cache.load(replace(SMALL, kernel="6.49.0")) == {NEW: ONE}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "\0",
        '{"HOST": 1}',
        '{"HOST": {"a": 1}}',
        '{"HOST": {"a": {"per_s": 1}}}',
        '{"HOST": {"a": {"per_s": "1", "reached_per_s": 1, "cpu": 1, "measured_at": ""}}}',
        '{"HOST": {"a": {"per_s": 0, "reached_per_s": 1, "cpu": 1, "measured_at": ""}}}',
        '{"HOST": {"a": {"per_s": 1, "reached_per_s": 1, "cpu": 1, "measured_at": 7}}}',
        '{"HOST": {"a": {"per_s": NaN, "reached_per_s": 1, "cpu": 1, "measured_at": ""}}}',
    ],
)
def test_a_file_that_is_no_good_is_as_good_as_none(folder, text):
    """It is overwritten by the next one, without a word."""
    cache.save(SMALL, {NEW: ONE})
    (host,) = json.loads(cache.path().read_text())
    cache.path().write_text(text.replace("HOST", host))
    assert cache.load(SMALL) == {}
    cache.save(SMALL, {NEW: ONE})
    assert cache.load(SMALL) == {NEW: ONE}


def test_a_cache_that_cannot_be_written_is_no_failure(folder):
    """A file stands where the folder should be."""
    folder.write_text("")
    cache.save(SMALL, {NEW: ONE})
    assert cache.load(SMALL) == {}


@pytest.mark.parametrize("asked", ["", "relative/path"])
def test_a_relative_cache_is_ignored(monkeypatch, asked):
    """As the XDG Base Directory Specification asks; so it is below the home."""
    monkeypatch.setenv("XDG_CACHE_HOME", asked)
    monkeypatch.setenv("HOME", "/home/nobody")
    assert cache.path() == Path("/home/nobody/.cache/tw-bench/ceilings.json")


def test_the_header_of_a_run_says_it():
    """What, of which kind, when."""
    ((label, words, _),) = ceiling_rows({NEW: ONE})
    assert label == "generator"
    assert words == (
        f"one worker can offer about 20,000/s on this host ({NEW}; calibrated 2026-11-21)"
    )


@pytest.mark.parametrize(
    ("ceiling", "share", "said"),
    [
        (10_000.0, 0.002, []),
        (
            20.0,
            0.9,
            ["ceiling: 18.00/s is 90% of the generator's: 1 worker can offer about 20.00/s"],
        ),
        (30.0, 0.4, ["ceiling: 1 worker can offer about 30.00/s here, less than twice the"]),
    ],
)
def test_a_point_above_half_of_the_ceiling_says_so(ceiling, share, said):
    """Calibrated, the ceiling is a fact, and the guess from the load's own CPU time is not made."""
    _, evidence = judged(generator={"cpu": 0.8, "ceiling_per_s": ceiling, "ceiling_share": share})
    found = [line for line in evidence if line.startswith("ceiling:")]
    assert [line[: len(start)] for line, start in zip(found, said, strict=True)] == said
