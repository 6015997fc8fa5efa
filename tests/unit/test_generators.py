"""The table of generators (make bench): what is read of their output, and made of it."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.bench.generators import __main__ as bench
from tests.bench.generators.catalogue import CLOSE, GENERATORS, KEEP, installed, read_output
from tests.bench.generators.own_worker import NAME
from tests.bench.generators.readings import Reading
from tests.bench.generators.record import efficiency, ratio, record, rows
from tests.bench.generators.rounds import (
    ONE_WORKER,
    TARGETS,
    TWO_WORKERS,
    WORKERS,
    Entry,
    Rounds,
)
from tests.bench.generators.tables import tables
from tw_bench.errors import LabError, TargetError, WorkerError

OUTPUTS = Path(__file__).parents[1] / "data/generators"
BY_NAME = {generator.name: generator for generator in GENERATORS}


def reading(number: int, table: str, name: str, per_s: float, **more: float) -> Reading:
    """Return a reading in which nothing is remarkable but what is given."""
    given = {"generator_cpu": 1.0, "server_cpu": 0.5, "connections": 100, "client_time_wait": 0}
    return Reading(
        round=number, table=table, name=name, per_s=per_s, own_per_s=None, errors=0,
        **(given | more),  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "output", "per_s", "errors"),
    [
        ("ab", "ab-404", 9397.73, 9428),
        ("ab", "ab", 12485.47, 0),
        ("h2load", "h2load-404", 26910.66, 100),
        ("h2load", "h2load", 38949.0, 0),
        ("hey", "hey-404", 3665.1234, 3714),
        ("hey", "hey-refused", 11849.525, 640),
        ("hey", "hey", 6148.5044, 0),
        ("httperf", "httperf-refused", 0.0, 100),
        ("httperf", "httperf", 7112.3, 0),
        ("wrk", "wrk-404", 9200.78, 9330),
        ("wrk", "wrk-cut", 30243.21, 28220),
        ("wrk", "wrk", 9160.64, 0),
    ],
)
def test_what_a_generator_says_is_read(name, output, per_s, errors):
    """Rate and errors, out of the output of Debian 12's version of each."""
    said = read_output(BY_NAME[name], (OUTPUTS / f"{output}.txt").read_text())
    assert (per_s, errors) == (said.per_s, said.errors)


def test_a_generator_that_was_killed_says_nothing():
    """No output, no rate of its own."""
    assert read_output(BY_NAME["h2load"], "starting benchmark...\n").per_s is None


def test_the_words_of_a_generator_are_its_arguments():
    """Address and port are filled in; the concurrency is in the words of all that have one."""
    for generator in GENERATORS:
        for mode in generator.arguments:
            words = " ".join(generator.argv(mode, "198.18.0.2", 80))
            assert "198.18.0.2" in words
            assert "64" in words
            assert "{" not in words


def test_a_ratio_is_the_median_of_the_rounds_that_have_both():
    """Paired by round: a slow round is one pair, a round with one of them is none."""
    readings = [
        reading(1, CLOSE, "ab", 100.0),
        reading(1, CLOSE, "wrk", 200.0),
        reading(2, CLOSE, "ab", 30.0),
        reading(2, CLOSE, "wrk", 20.0),
        reading(3, CLOSE, "ab", 100.0),
        reading(3, CLOSE, "wrk", 100.0),
        reading(4, CLOSE, "ab", 5.0),
    ]
    assert ratio(readings, (CLOSE, "ab"), (CLOSE, "wrk")) == 1.0
    first, second = rows(readings)
    assert (first.name, second.name) == ("wrk", "ab")
    assert (second.per_s, second.least_per_s, second.most_per_s) == (65.0, 5.0, 100.0)
    assert (first.by_wrk, second.by_wrk, second.by_floor) == (1.0, 1.0, None)
    assert (second.rounds, first.rounds) == (4, 3)


def test_tables_are_compared_with_their_own():
    """Kept connections are set beside wrk's kept connections; two workers beside one."""
    readings = [
        reading(1, CLOSE, "wrk", 10.0),
        reading(1, CLOSE, NAME, 20.0),
        reading(1, KEEP, "wrk", 100.0),
        reading(1, KEEP, NAME, 50.0),
        reading(1, WORKERS, ONE_WORKER, 20.0),
        reading(1, WORKERS, TWO_WORKERS, 30.0, generator_cpu=2.0),
        reading(1, TARGETS, "TCP", 10.0),
    ]
    found = {(row.table, row.name): row for row in rows(readings)}
    assert found[KEEP, NAME].by_wrk == 0.5
    assert found[CLOSE, NAME].by_wrk == 2.0
    assert found[WORKERS, TWO_WORKERS].by_one == 1.5
    assert found[WORKERS, TWO_WORKERS].by_wrk is None
    assert found[TARGETS, "TCP"].by_one == 0.5
    assert efficiency(readings) == 0.75  # 15 per processor second, of 20


def test_it_is_said_when_something_else_took_the_processors():
    """A closed loop keeps its generator or its server busy; where neither was, another was."""
    alone = [reading(1, CLOSE, "wrk", 10.0), reading(1, CLOSE, "ab", 9.0, server_cpu=1.0)]
    shared = [reading(1, CLOSE, "wrk", 10.0, generator_cpu=0.6)]
    about = {
        "rounds": 1,
        "processors": {"generators": [0], "server": [1], "ours": [1]},
        "versions": {"nginx": "nginx/1.22.1"},
    }
    for readings, is_said in ((alone, False), (shared, True)):
        document = record(readings, [], about)
        text = "\n".join(tables(document, rows(readings)))
        assert ("NOT ALONE" in text) == is_said
        assert max(map(len, text.splitlines()[:6])) <= 110


def test_a_compiler_that_cannot_compile_costs_the_row_of_the_floor(tmp_path, monkeypatch):
    """Debian's gcc comes without the headers of libc; the others run all the same."""
    (tmp_path / "gcc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    here, missing = installed(tmp_path)
    assert "C, epoll" not in [generator.name for generator in here]
    assert "the floor was not compiled" in missing[-1]
    assert missing[-1].endswith("sudo apt install libc6-dev")


@pytest.mark.parametrize("kind", [TargetError, LabError, WorkerError])
def test_what_fails_in_a_round_costs_its_own_reading_only(kind):
    """The readings of the rounds before, and of the others, are kept."""

    async def measure(number: int) -> Reading:
        if number == 2:
            raise kind("nginx does not listen")
        return reading(number, CLOSE, "wrk", 10.0)

    rounds = object.__new__(Rounds)  # without a lab: only its entries are run
    rounds.entries = [Entry(CLOSE, "wrk", measure)]
    said: list[str] = []
    readings = asyncio.run(rounds.run(3, 1, said.append))
    assert [each.round for each in readings] == [1, 3]
    assert "close, round 2: left out: nginx does not listen" in said


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Return what the command exits with."""
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    return ended.value.code


def test_a_part_of_the_table_does_not_replace_the_whole(monkeypatch):
    """--only wants --out; nothing is measured before that is said."""
    assert called(monkeypatch, "--only", "wrk") == (
        "bench: error: --only would replace the whole table in results/reference/generators: "
        "want --out DIR"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format_version": 2}',
        '{"format_version": 1}',
        '{"format_version": 1, "rows": [{"table": "close"}]}',
        '{"format_version": 1, "rows": 1}',
    ],
)
def test_a_table_that_cannot_be_drawn_is_said_in_a_line(tmp_path, monkeypatch, text):
    """Another JSON is no table."""
    path = tmp_path / "generators.json"
    path.write_text(text)
    said = str(called(monkeypatch, "--draw", "--out", str(tmp_path)))
    assert said.startswith(f"bench: error: {path}: cannot be read: ")
    assert said.endswith(": make bench writes one")
    assert "\n" not in said
