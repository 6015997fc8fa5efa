"""The live display: frames on a terminal, lines elsewhere, nothing when it is off."""

import io
from contextlib import suppress
from typing import Any

import pytest
from rich.console import Console

from tw_bench.report.live import Live, PointState, RunState, frame, plain_line


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        """Claim to be one."""
        return True


def a_point(name: str = "ports=500", phase: str = "window", **fields: Any) -> PointState:
    values: dict[str, Any] = {
        "ok_per_s": 8.14,
        "refusals_per_s": 2.0,
        "held_back_per_s": 0.0,
        "time_wait": {"client": 250, "server": 0},
        "usable_ports": 500,
    }
    return PointState(id=name, phase=phase, **{**values, **fields})  # type: ignore[arg-type]


def a_state(elapsed_s: float, *points: PointState, waves: int = 1) -> RunState:
    return RunState(elapsed_s, 184.32, 1, waves, points or (a_point(),))


def console_on(file: io.StringIO, height: int = 30, **environ: str) -> Console:
    return Console(file=file, width=100, height=height, _environ={"TERM": "xterm", **environ})


def test_a_line_elsewhere_says_where_the_run_is() -> None:
    """All points together: their phase, their rates, TIME_WAIT by side."""
    points = [
        a_point(ok_per_s=456.1, refusals_per_s=52.0, time_wait={"server": 0, "client": 19_866})
    ] * 2
    line = "[      40 s / 3 min 04 s] window  ok 912.2/s  refused 104.0/s  "
    assert plain_line(a_state(40.2, *points)) == line + "TIME_WAIT client 39,732 server 0"


def test_a_line_elsewhere_says_what_is_out_of_the_ordinary() -> None:
    """Several waves, mixed phases, slots held back and time-lapse are named when there are any."""
    points = [
        a_point(held_back_per_s=7.0),
        a_point("x", "failed", time_wait={}, ok_per_s=0.0, time_lapse=True),
    ]
    line = plain_line(a_state(110.0, *points, waves=2))
    assert line.startswith("[1 min 50 s / 3 min 04 s] wave 1/2  1 window, 1 failed  ok 8.14/s")
    assert "held back 7.00/s" in line
    assert line.endswith("time-lapse 1 of 2 points")


@pytest.mark.parametrize("force_color", ["", "1"])
def test_a_file_gets_a_line_every_ten_seconds_of_the_run(force_color: str) -> None:
    """FORCE_COLOR makes rich see a terminal, but no cursor is moved in a file."""
    file = io.StringIO()
    with Live(console_on(file, FORCE_COLOR=force_color), 184.32) as live:
        for tenth in range(0, 353):
            live.update(a_state(tenth / 10))
    lines = file.getvalue().splitlines()
    assert [line[1:11].strip() for line in lines] == ["10 s", "20 s", "30 s"]


def test_a_dumb_terminal_gets_lines() -> None:
    """It cannot move its cursor."""
    file = Terminal()
    with Live(console_on(file, TERM="dumb"), 184.32) as live:
        live.update(a_state(10.0))
    assert "\x1b" not in file.getvalue()
    assert len(file.getvalue().splitlines()) == 1


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()], ids=["file", "terminal"])
def test_nothing_is_shown_when_it_is_off(file: io.StringIO) -> None:
    """--no-progress and --json."""
    with Live(console_on(file), 184.32, enabled=False) as live:
        live.update(a_state(100.0))
    assert file.getvalue() == ""


def test_a_point_that_joins_later_is_marked_too() -> None:
    """The probes of a search are not known when the display begins."""
    file = io.StringIO()
    with Live(console_on(file), 184.32) as live:
        live.update(a_state(10.0, a_point("find/20/s", time_lapse=True)))
        live.update(a_state(20.0, a_point("find/40/s", time_lapse=True)))
    assert file.getvalue().count("time-lapse 1 of 1 points") == 2


def test_a_terminal_is_drawn_twice_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the state changes: the load runs on the same processors."""
    now = [100.0]
    monkeypatch.setattr("tw_bench.report.live.time.monotonic", lambda: now[0])
    file = Terminal()
    with Live(console_on(file), 184.32) as live:
        drawn = file.getvalue().count("of 3 min 04 s")
        for _ in range(100):
            live.update(a_state(now[0] - 100))
            now[0] += 0.05
    assert file.getvalue().count("of 3 min 04 s") - drawn <= 11


def test_a_terminal_is_left_as_it_was_even_after_an_error() -> None:
    """The cursor is shown again and the display is gone."""
    file = Terminal()
    with suppress(KeyboardInterrupt), Live(console_on(file), 184.32) as live:
        live.update(a_state(1.0))
        raise KeyboardInterrupt
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert file.getvalue().rindex(shown) > file.getvalue().rindex(hidden)


def test_a_frame_has_a_bar_and_a_row_a_point() -> None:
    """Time left, and how much of its range each point has in TIME_WAIT."""
    text = frame(console_on(Terminal()), a_state(92.16, a_point(), waves=2)).plain
    _, first, *_, row = text.splitlines()
    assert first.startswith("wave 1 of 2  " + "━" * 18 + "─" * 18)
    assert first.endswith("92 s of 3 min 04 s, 92 s left")
    assert row.split() == ["ports=500", "window", "8.14", "2.00", "0.00", "250", "━━━━━─────", "0"]


def test_a_frame_keeps_to_twenty_rows_and_to_the_screen() -> None:
    """Points at work and failed ones first; the rest is counted."""
    points = [a_point(f"p{n}", "done" if n < 15 else "window") for n in range(39)]
    points.append(a_point("bad", "failed"))
    for height, rows in ((60, 20), (24, 16)):
        text = frame(console_on(Terminal(), height), a_state(50.0, *points)).plain
        assert len(text.splitlines()) == rows + 6
        assert "bad" in text
        assert "p0 " not in text
        assert f"... and {40 - rows} more: " in text


def test_a_frame_marks_the_points_in_time_lapse() -> None:
    """They are told apart from those of the real minute."""
    state = a_state(5.0, a_point("real"), a_point("fast", time_lapse=True))
    real, fast = frame(console_on(Terminal()), state).plain.splitlines()[-2:]
    assert fast.endswith("time-lapse")
    assert not real.endswith("time-lapse")


def test_a_frame_survives_an_odd_state() -> None:
    """Before the first sample, past the end, more TIME_WAIT than ports, a hostile id."""
    odd = a_point("[red]\x1b[2J" + "x" * 50, time_wait={"host": 9_999}, usable_ports=0)
    text = frame(console_on(Terminal()), RunState(200.0, 184.32, 1, 1, (odd,))).plain
    assert "finishing" in text
    assert "[red]\\x1b[2J" in text
    assert "\x1b" not in text
    assert "0 s of 0 s" in frame(console_on(Terminal()), RunState(0.0, 0.0, 1, 1, ())).plain
