"""What an audit says, and what it makes of the counters: figures that are always the same."""

import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from tests.unit.machines import SMALL
from tw_bench.plan.environment import of_point
from tw_bench.profile.model import Point
from tw_bench.report.audit_text import audit_json, show_audit
from tw_bench.results.audited import Audited, Ending, sum_up

Golden = Callable[[str, str], None]

LAB = of_point(Point(id="audit"), SMALL)
TARGET = "198.19.0.1:80"


def destination(name: str, ports: int, *, loopback: bool = False, **states: int) -> dict[str, Any]:
    """Return a destination as the watch reports it."""
    return {
        "name": name,
        "is_loopback": loopback,
        "most_ports": ports,
        "by_state": states or {"TIME_WAIT": ports},
        "time_waits": states.get("TIME_WAIT", 0) if states else ports,
    }


def audited(
    client: dict[str, int],
    target: dict[str, int],
    *destinations: dict[str, Any],
    command: tuple[str, ...] = ("curl", "{url}"),
    elapsed_s: float = 2.0,
    exit_code: int = 0,
    timed_out: bool = False,
    processes_left: int = 0,
    time_waits: int | None = None,
    **seen: Any,
) -> Audited:
    """Return an audit of such counters (Tcp unless TcpExt is said) and looks."""
    ending = Ending(
        exit_code=exit_code,
        timed_out=timed_out,
        elapsed_s=elapsed_s,
        processes_left=processes_left,
    )
    known = {
        "busiest_second": 400,
        "peak_established": 10,
        "open_at_end": {},
        "looked_before_end_s": 0.012,
        "left": {},
        "time_waits": time_waits or sum(each["time_waits"] for each in destinations),
        "destinations": list(destinations),
        **seen,
    }
    counters = {"client": named(client), "server": named(target)}
    return sum_up(command, ending, counters, known, LAB)


def named(counters: dict[str, int]) -> Counter[str]:
    """Return counters under their full names."""
    extended = ("TW", "TCPAbortOnData", "TCPAbortOnClose")
    return Counter(
        {f"{'TcpExt' if n in extended else 'Tcp'}.{n}": value for n, value in counters.items()}
    )


BURNING = audited(
    {"ActiveOpens": 1_250, "TW": 1_250},
    {"PassiveOpens": 1_250},
    destination(TARGET, 1_250),
    command=("sh", "-c", "for i in $(seq 1250); do curl -s {url}; done"),
)
SPARING = audited(
    {"ActiveOpens": 50},
    {"PassiveOpens": 50, "TW": 50},
    command=("python3", "loop.py"),
    elapsed_s=0.06,
    peak_established=0,
)
SUITE = audited(
    {
        "ActiveOpens": 900, "AttemptFails": 3, "PassiveOpens": 400, "TW": 790,
        "TCPAbortOnData": 2, "TCPAbortOnClose": 7,
    },
    {"PassiveOpens": 497, "TW": 40, "EstabResets": 9, "CurrEstab": 4, "TCPAbortOnClose": 0},
    destination(TARGET, 400, TIME_WAIT=390, ESTABLISHED=10),
    destination("127.0.0.1:5432", 200, loopback=True),
    command=("pytest", "-q", "tests"),
    elapsed_s=75.0,
    exit_code=1,
    processes_left=2,
    time_waits=790,
    open_at_end={"ESTABLISHED": 9, "CLOSE_WAIT": 3},
    left={"ESTABLISHED": 4},
)  # fmt: skip
DRY = audited(
    {"ActiveOpens": 28_232, "TW": 28_232},
    {"PassiveOpens": 28_232},
    destination(TARGET, 28_232),
    command=("ab", "-n", "100000", "{url}"),
    elapsed_s=600.0,
    exit_code=143,
    timed_out=True,
    busiest_second=9_100,
)
NOTHING = audited({}, {}, command=("true",), elapsed_s=0.0012)


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize(
    ("name", "figures"),
    [("burning", BURNING), ("sparing", SPARING), ("suite", SUITE), ("dry", DRY)],
    ids=["burning", "sparing", "suite", "dry"],
)
def test_an_audit_is_shown(golden: Golden, name, figures, columns):
    """Programs of different habits, as they are read in the terminal; no line is too long."""
    text = text_of(figures, columns)
    assert max(map(len, text.splitlines())) <= columns
    golden(f"audit-{name}-{columns}.txt", text)


def text_of(figures: Audited, columns: int = 80) -> str:
    """Return what the terminal shows."""
    file = io.StringIO()
    show_audit(Console(file=file, width=columns, highlight=False), figures)
    return file.getvalue()


def test_a_program_without_connections_needs_no_figures():
    """Nothing was opened: that is the whole answer."""
    assert text_of(NOTHING) == (
        "It opened no connection.\n\ncommand     true\nended       after 1.2 ms, exit code 0\n"
    )


def test_the_law_of_the_plan_says_how_often_it_may_be_run():
    """28,232 ports / 62.048 s / 1,250 ports a run; full after 28,232 ports at 625 a second."""
    (called,) = BURNING.called
    assert called.runs_per_s == pytest.approx(28_232 / 62.048 / 1_250)
    assert called.full_after_s == pytest.approx(28_232 / 625)
    assert BURNING.burnt_per_h == 1_250 * 1_800


def test_a_pace_below_the_limit_is_never_full():
    """A port comes back before the range is through."""
    slow = audited(
        {"ActiveOpens": 9, "TW": 9}, {"PassiveOpens": 9}, destination(TARGET, 9), elapsed_s=30.0
    )
    assert slow.called[0].full_after_s is None
    assert "the range is never full" in text_of(slow)


def test_the_destination_that_runs_dry_first_stands_first():
    """On loopback a port is held for a second: two hundred there bear more than 390 here."""
    assert [each.name for each in SUITE.called] == [TARGET, "127.0.0.1:5432"]
    assert [each.burnt for each in SUITE.called] == [390, 200]
    assert SUITE.burnt == 590  # the other 200 TIME_WAIT are at its own servers


@pytest.mark.parametrize(
    ("client", "target", "expected"),
    [
        ({"TW": 10}, {}, {"client": 10}),
        ({}, {"TW": 10}, {"target": 10}),
        ({"TW": 4}, {"TW": 10}, {"target": 6, "both": 4}),
        ({"TW": 10}, {"TW": 10}, {"both": 10}),
        ({"TW": 2}, {"TW": 3, "EstabResets": 4}, {"client": 2, "target": 3, "reset": 4}),
        ({"TW": 1}, {"CurrEstab": 6}, {"client": 1, "open": 6}),
        ({"TW": 30, "PassiveOpens": 25}, {"TW": 5}, {"client": 5, "target": 5}),
    ],
    ids=["client", "target", "some-both", "both", "reset", "open", "own-servers"],
)
def test_who_closed_first_is_told_from_both_ends(client, target, expected):
    """TIME_WAIT of either end, RSTs and what is open; what is left over is unclear."""
    closes = audited({"ActiveOpens": 10, **client}, {"PassiveOpens": 10, **target}).closes
    found = {name: getattr(closes, name) for name in closes.__slots__ if getattr(closes, name)}
    assert found == expected | ({"unclear": left} if (left := 10 - sum(expected.values())) else {})


def test_a_share_is_never_rounded_to_all_or_nothing():
    """11 of 80,841 are some, and the others are not all."""
    text = text_of(
        audited({"TW": 11, "ActiveOpens": 80_841}, {"PassiveOpens": 80_841, "TW": 80_830})
    )
    assert "by the target first 80,830 (> 99 %), by the client first 11 (< 1 %)" in text


def test_the_json_holds_every_figure():
    """All fields, and the two that are calculated."""
    found = json.loads(audit_json(BURNING))
    assert found["mean_per_s"] == 625.0
    assert found["called"][0]["name"] == TARGET
    assert set(Audited.__slots__) | {"mean_per_s", "not_closed"} == set(found)


def test_a_command_cannot_steer_the_terminal():
    """Control characters in its words are spelt out, and a long one is cut."""
    text = text_of(audited({}, {}, command=("sh", "-c", "\x1b[31m" + "x" * 400)))
    assert "\x1b" not in text
    assert text.count("x") < 250
