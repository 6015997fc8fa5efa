"""Every claim of profiles/scenarios, played in a lab of its own: each expectation is a test."""

import asyncio
import csv
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from tw_bench.cli.scenarios import play
from tw_bench.errors import ResultsError
from tw_bench.profile.expectations import STATES
from tw_bench.profile.scenario import ReadScenario, is_scenario, read_scenario
from tw_bench.results.played import Played
from tw_bench.scenario.programme import play_all
from tw_bench.scenario.segments import parse

SCENARIOS = Path(__file__).parents[2] / "profiles" / "scenarios"
TW_BENCH = (sys.executable, "-m", "tw_bench")


def expectations(read: ReadScenario) -> list[str]:
    """Return the checks that a scenario makes when all goes as it should, in their order."""
    found: list[str] = []
    for step in read.scenario.steps:
        if step.verb == "expect":
            found += map(str, step.asked)
        elif getattr(step.asked, "fails", None) is not None:
            found.append(f"{step.verb} fails: {step.asked.fails}")
    return found


SHIPPED = {
    path.stem: read_scenario(path) for path in sorted(SCENARIOS.glob("*.yaml")) if is_scenario(path)
}
EVERY = [
    pytest.param(name, number, id=f"{name}-{number + 1}: {text}")
    for name, read in SHIPPED.items()
    for number, text in enumerate(expectations(read))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the scenarios are played."""
    return tmp_path_factory.mktemp("played")


@pytest.fixture(scope="module")
def played(folder) -> dict[str, Played]:
    """Play all of them side by side, those of a real minute with the others."""
    places = [folder / name for name in SHIPPED]
    results = asyncio.run(play_all(list(SHIPPED.values()), places, os.uname().release, print))
    return {each.name: each for each in results}


@pytest.mark.parametrize(("name", "number"), EVERY)
def test_an_expectation(played, name, number):
    """The kernel does as the claim says."""
    result = played[name]
    assert result.error is None
    assert number < len(result.checks), f"not reached: {result.checks[-1]}"
    check = result.checks[number]
    assert check.passed, f"{check.place}: expected {check.expected}, observed {check.observed}"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_claim(played, folder, name):
    """It was played to its end, nothing else failed, and everything is kept."""
    result = played[name]
    assert result.verdict == "as claimed", result.error
    assert [check.expected for check in result.checks] == expectations(SHIPPED[name])
    again = Played.model_validate_json((folder / name / "scenario.json").read_text())
    assert again == result


def test_the_states_are_those_of_the_book(played, folder):
    """RFC 9293 figure 12, from a real exchange: what each end was in after each segment."""
    with (folder / "close-client-first" / "segments.csv").open() as file:
        rows = [
            (row["sender"], row["kind"], row["sender_state"], row["receiver_state"])
            for row in csv.DictReader(file)
        ]
    assert rows == [
        ("client", "SYN", "SYN_SENT", "SYN_RECV"),
        ("server", "SYN_ACK", "SYN_RECV", "ESTABLISHED"),
        ("client", "ACK", "ESTABLISHED", "ESTABLISHED"),
        ("client", "FIN", "FIN_WAIT_1", "CLOSE_WAIT"),
        ("server", "ACK", "CLOSE_WAIT", "FIN_WAIT_2"),
        ("server", "FIN", "LAST_ACK", "TIME_WAIT"),
        ("client", "ACK", "TIME_WAIT", "CLOSED"),
    ]


def test_the_capture_holds_every_segment(played, folder):
    """A pcap of raw IP packets with ns, as its head says; each packet is one of segments.csv."""
    data = (folder / "close-client-first" / "wire.pcap").read_bytes()
    magic, major, minor, _, _, snapped, link = struct.unpack_from("=IHHiIII", data)
    assert (magic, major, minor, snapped, link) == (0xA1B23C4D, 2, 4, 256, 101)
    at, kinds = 24, []
    while at < len(data):
        _, _, kept, length = struct.unpack_from("=IIII", data, at)
        assert kept == length
        segment = parse(data[at + 16 : at + 16 + kept])
        assert segment is not None
        kinds.append(segment.kind)
        at += 16 + kept
    assert kinds == ["SYN", "SYN_ACK", "ACK", "FIN", "ACK", "FIN", "ACK"]


def test_samples_count_all_eleven_states(played, folder):
    """A row a side ten times a second; the close is seen in it, LISTEN from beginning to end."""
    with (folder / "close-client-first" / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"side", "time_s", *(f"state_{name.lower()}" for name in STATES)}
    assert {row["side"] for row in rows} == {"client", "server"}
    last = {row["side"]: row for row in rows}
    assert last["client"]["state_time_wait"] == "1"
    assert last["server"]["state_listen"] == "1"


def tw_bench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TW_BENCH, *words], cwd=cwd, text=True, capture_output=True, timeout=120)


WRONG = """title: what no kernel does
claim: The end that closes last holds TIME_WAIT.
steps:
  - listen: {name: door}
  - connect: {name: c}
  - accept: {name: s, door: door}
  - close: c
  - receive: s
  - close: s
  - expect: s == TIME_WAIT
    within: 500ms
    says: It is the other end.
"""


def test_what_is_otherwise_is_said(tmp_path):
    """Exit 99, with what was expected and what was seen; the folder has everything."""
    (tmp_path / "wrong.yaml").write_text(WRONG)
    result = tw_bench("run", "wrong.yaml", "--out", "out", cwd=tmp_path)
    assert result.returncode == 99, result.stderr
    assert result.stderr == "tw-bench: error: otherwise than expected: wrong\n"
    table = " ".join(result.stdout.split())
    assert "s == TIME_WAIT" in table
    assert "CLOSED" in table
    assert "0 of 1 claims hold, by 1 expectations" in table
    assert json.loads((tmp_path / "out" / "scenario.json").read_text())["verdict"] == "otherwise"
    assert {"figures", "segments.csv", "states.csv", "samples.csv", "wire.pcap"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_a_folder_of_claims_is_one_table(tmp_path):
    """Each in a folder of its own; what a call ended with is an expectation, too."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "wrong.yaml").write_text(WRONG)
    (tmp_path / "claims" / "nobody.yaml").write_text(
        "title: nobody listens\nclaim: An RST answers a SYN that nobody waits for.\n"
        "steps:\n  - connect: {name: c, fails: ECONNREFUSED}\n"
        "  - expect: [server.sent.RST == 1, client.CLOSED == 0]\n"
    )
    result = tw_bench("run", "claims", "--out", "out", "--json", cwd=tmp_path)
    assert result.returncode == 99
    found = {claim["name"]: claim for claim in json.loads(result.stdout)}
    assert found["wrong"]["verdict"] == "otherwise"
    assert found["nobody"]["verdict"] == "as claimed"
    assert [check["observed"] for check in found["nobody"]["checks"]] == ["ECONNREFUSED", "1", "0"]
    assert (tmp_path / "out" / "nobody" / "wire.pcap").exists()


def test_a_step_that_fails_ends_its_scenario(tmp_path):
    """What builds on it is not tried; that is a failed expectation, not a crash."""
    (tmp_path / "early.yaml").write_text(
        "title: too early\nclaim: x.\nsteps:\n  - connect: {name: c}\n"
        "  - expect: c == ESTABLISHED\n"
    )
    result = tw_bench("run", "early.yaml", "--out", "out", "--json", cwd=tmp_path)
    assert result.returncode == 99
    (claim,) = json.loads(result.stdout)
    assert [(c["expected"], c["observed"]) for c in claim["checks"]] == [
        ("connect: ok", "ECONNREFUSED")
    ]


LONG = """title: long
claim: x.
steps:
  - listen: {name: door}
  - wait: 60s
  - expect: server.LISTEN == 1
"""


def begun(cwd: Path, *words: str, until: str) -> subprocess.Popen[str]:
    """Start tw-bench, and return it once there is a file, which holds something."""
    process = subprocess.Popen(
        [*TW_BENCH, "run", *words, "--out", "out"],
        cwd=cwd,
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    sign = cwd / "out" / until
    deadline = time.monotonic() + 60
    while not (sign.exists() and sign.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_and_leaves_nothing(tmp_path, number):
    """Exit 130, no actor, witness or keeper goes on, and no verdict is written that is none."""
    (tmp_path / "long.yaml").write_text(LONG)
    process = begun(tmp_path, "long.yaml", until="wire.pcap")
    children = _descendants(process.pid)
    assert children
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "tw-bench: error: interrupted; no verdict\n"
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "out" / "scenario.json").exists()


def test_what_ended_before_a_signal_is_shown(tmp_path):
    """Of those that did not end nothing is said but how many they are."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "long.yaml").write_text(LONG)
    (tmp_path / "claims" / "short.yml").write_text(LONG.replace("60s", "10ms"))
    process = begun(tmp_path, "claims", until="short/scenario.json")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "tw-bench: error: interrupted; 1 of 2 scenarios ended before\n"
    assert "1 of 1 claims hold" in out


PROFILE = """title: measured
claim: It takes a while.
load: {rate: 10/s}
method: {fill: 1s, window: 30s}
"""


def test_a_signal_in_a_measurement_ends_the_folder(tmp_path):
    """The profile that comes next is not begun."""
    (tmp_path / "claims").mkdir()
    for name in ("a", "b"):
        (tmp_path / "claims" / f"{name}.yaml").write_text(PROFILE)
    process = begun(tmp_path, "claims", until="a/intervals.csv")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert not (tmp_path / "out" / "b").exists()


def test_a_picture_that_fails_costs_itself_alone(tmp_path, monkeypatch, capsys):
    """The table comes first, the other scenarios are drawn, and one line says which is not."""
    drawn: list[str] = []

    def draw(folder: Path) -> list[Path]:
        drawn.append(folder.name)
        if folder.name == "one":
            raise ZeroDivisionError("no ink")
        return []

    monkeypatch.setattr("tw_bench.report.scenario_pictures.draw_pictures", draw)
    (tmp_path / "claims").mkdir()
    for name in ("one", "two"):
        (tmp_path / "claims" / f"{name}.yaml").write_text(LONG.replace("60s", "10ms"))
    with pytest.raises(ResultsError, match="one: was played, and not drawn: ZeroDivisionError"):
        play(tmp_path / "claims", tmp_path / "out", Console(), None, progress=False)
    assert drawn == ["one", "two"]
    assert "2 of 2 claims hold" in capsys.readouterr().out


def test_a_scenario_is_no_profile_and_its_folder_no_run(tmp_path):
    """One line each, of every verb that takes one."""
    (tmp_path / "long.yaml").write_text(LONG)
    (tmp_path / "short.yaml").write_text(LONG.replace("60s", "10ms"))
    assert tw_bench("run", "short.yaml", "--out", "out", cwd=tmp_path).returncode == 0
    for words in (["plan", "long.yaml"], ["doctor", "long.yaml"]):
        refused = tw_bench(*words, cwd=tmp_path)
        assert refused.stderr.startswith("tw-bench: error: long.yaml: is a scenario: ")
        assert len(refused.stderr.splitlines()) == 1
    for words in (["report", "out"], ["compare", "out", "out"], ["run", "--resume", "out"]):
        refused = tw_bench(*words, cwd=tmp_path)
        assert refused.returncode == 7
        assert refused.stderr.startswith("tw-bench: error: out: is of a scenario"), refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """Before anything is played."""
    (tmp_path / "long.yaml").write_text(LONG)
    refused = tw_bench("run", "long.yaml", "--out", "/proc/zzz", cwd=tmp_path)
    assert refused.returncode == 7
    assert refused.stderr.startswith("tw-bench: error: /proc/zzz: cannot be written: ")


def _descendants(pid: int) -> list[int]:
    children = [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]
    return [*children, *(own for child in children for own in _descendants(child))]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("- conect: {name: c}", "unknown key 'steps.0.conect': did you mean 'connect'?"),
        ("- expect: q == TIME_WAIT", "nothing is called 'q' so far: none yet"),
        ("- kill: nat", "there is no side 'nat': want lab.nat: true"),
        ("- wait: 1s\n    kill: server", "says kill and wait: want one of"),
    ],
)
def test_bad_input_is_one_line(tmp_path, steps, words):
    """With the file and the line."""
    (tmp_path / "bad.yaml").write_text(f"title: x\nclaim: x.\nsteps:\n  {steps}\n")
    result = tw_bench("run", "bad.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("tw-bench: error: bad.yaml:4: "), result.stderr
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    refused = tw_bench("run", str(SCENARIOS), "--set", "load.rate=1/s", cwd=tmp_path)
    assert refused.returncode == 2
    assert "want no --set" in refused.stderr


def test_a_counter_that_there_is_none_of(tmp_path):
    """A misspelt one is no 0: the scenario is not played, and says why."""
    (tmp_path / "counted.yaml").write_text(
        "title: x\nclaim: x.\nsteps:\n  - expect: client.TcpExt.PAWSEstabb == 0\n"
    )
    result = tw_bench("run", "counted.yaml", "--out", "out", "--json", cwd=tmp_path)
    (claim,) = json.loads(result.stdout)
    assert claim["verdict"] == "not played"
    assert claim["error"] == "counted: this kernel has no counter TcpExt.PAWSEstabb"


def test_a_port_that_is_taken_is_data(tmp_path):
    """bind() fails, connect() is never called: the errno is what is observed."""
    (tmp_path / "taken.yaml").write_text(
        "title: x\nclaim: x.\nsteps:\n  - listen: {name: door, on: client, port: 20000}\n"
        "  - connect: {name: c, from_port: 20000, fails: EADDRINUSE}\n"
    )
    result = tw_bench("run", "taken.yaml", "--out", "out", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (claim,) = json.loads(result.stdout)
    assert [check["observed"] for check in claim["checks"]] == ["EADDRINUSE"]
