"""The run while it runs: a bar and a table on a terminal, a line every ten seconds elsewhere.

Drawing shares the processors with the load: at most two frames a second, no thread of its own.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.live import Live as Screen
from rich.text import Text

from tw_bench.report.text import Cell, Column, Columns, rate_cell, short_id, sides
from tw_bench.units import duration_text, rate_text

Phase = Literal["starting", "fill", "window", "done", "failed"]

_FRAME_S = 0.5  # between two frames on a terminal
_LINE_S = 10.0  # of the run between two lines elsewhere
_MOST_ROWS = 20
_LINES_AROUND = 8  # of the screen that the rows leave to the bar, the header and the shell
_BAR, _SMALL_BAR = 36, 10
_LONGEST_ID = 32
_PHASE_STYLES = {"starting": "dim", "fill": "cyan", "window": "green", "done": "dim"}


@dataclass(frozen=True, slots=True)
class PointState:
    """One point at an instant; rates are those of its last second."""

    id: str
    phase: Phase
    ok_per_s: float
    refusals_per_s: float
    held_back_per_s: float
    time_wait: Mapping[str, int]  # side → sockets: client and server, or host for both in one
    usable_ports: int
    time_lapse: bool = False  # its ports come back sooner than the real ones


@dataclass(frozen=True, slots=True)
class RunState:
    """The run at an instant."""

    elapsed_s: float
    total_s: float
    wave: int  # the first is 1
    waves: int
    points: tuple[PointState, ...]
    at_most: bool = False  # it may take fewer waves, and end sooner


class Live:
    """Shows a run's state as it changes; `update` may be called as often as one likes."""

    def __init__(
        self,
        console: Console,
        total_s: float,
        enabled: bool = True,
    ) -> None:
        self._console = console
        self._total_s = total_s
        self._enabled = enabled
        self._screen: Screen | None = None
        self._next_frame_s = 0.0  # monotonic clock
        self._next_line_s = _LINE_S  # of the run

    def __enter__(self) -> "Live":
        # FORCE_COLOR makes rich take a file for a terminal; a file has no cursor to move.
        if self._enabled and self._console.is_interactive and self._console.file.isatty():
            first = RunState(0.0, self._total_s, 1, 1, ())
            self._screen = Screen(
                frame(self._console, first),
                console=self._console,
                auto_refresh=False,
                transient=True,
            )
            self._screen.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._screen is not None:
            self._screen.stop()
            self._screen = None

    def update(self, state: RunState) -> None:
        """Take the new state; draw it when the time has come."""
        if self._screen is not None:
            now = time.monotonic()
            if now >= self._next_frame_s:
                self._next_frame_s = now + _FRAME_S
                self._screen.update(frame(self._console, state), refresh=True)
        elif self._enabled and state.elapsed_s >= self._next_line_s:
            self._next_line_s = (state.elapsed_s // _LINE_S + 1) * _LINE_S
            self._console.print(Text(plain_line(state)), soft_wrap=True)


def plain_line(state: RunState) -> str:
    """Return the state on one line, all points together."""
    total = _clock(state.total_s)
    most = f" of at most {state.waves}" if state.at_most else f"/{state.waves}"
    wave = f"wave {state.wave}{most}  " if state.waves > 1 else ""
    points = state.points
    rates = {
        "ok": sum(point.ok_per_s for point in points),
        "refused": sum(point.refusals_per_s for point in points),
        "held back": sum(point.held_back_per_s for point in points),
    }
    if not rates["held back"]:
        del rates["held back"]
    held: Counter[str] = Counter()
    for point in points:
        held.update(point.time_wait)
    counts = [f"{side} {held[side]:,}" for side in sides(point.time_wait for point in points)]
    in_lapse = sum(point.time_lapse for point in points)
    parts = [
        f"[{_clock(state.elapsed_s):>{len(total)}} / {total}] {wave}{_phases_text(points)}",
        *(f"{name} {rate_text(rate)}" for name, rate in rates.items()),
        *(["TIME_WAIT " + " ".join(counts)] if counts else []),
        *([f"time-lapse {in_lapse} of {len(points)} points"] if in_lapse else []),
    ]
    return "  ".join(parts)


def frame(console: Console, state: RunState) -> Text:
    """Return what a terminal shows of the state: the bar, then a row a point."""
    ascii_only = console.options.ascii_only
    lines = [Text(), _progress(state, ascii_only), Text()]
    if state.points:
        most = max(3, min(_MOST_ROWS, console.height - _LINES_AROUND))
        shown, rest = _shown(state.points, most)
        table = Columns(_columns(shown, ascii_only), console.width)
        lines += [table.header(), table.rows(range(len(shown)))]
        if rest:
            lines.append(Text(f"... and {len(rest)} more: {_phases_text(rest)}", "dim"))
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _progress(state: RunState, ascii_only: bool) -> Text:
    left_s = state.total_s - state.elapsed_s
    most = "at most " if state.at_most else ""
    left = f"{most}{_clock(left_s)} left" if left_s > 0 else "finishing"
    wave = f"wave {state.wave} of {most}{state.waves}  " if state.waves > 1 else ""
    share = state.elapsed_s / state.total_s if state.total_s else 1.0
    return Text.assemble(
        (wave, "bold"),
        (_bar(share, _BAR, ascii_only), "cyan"),
        f"  {_clock(state.elapsed_s)} of {_clock(state.total_s)}, {left}",
    )


def _columns(points: Sequence[PointState], ascii_only: bool) -> list[Column]:
    def rates(name: str) -> list[Cell]:
        return [rate_cell(getattr(point, name)) for point in points]

    names: list[Cell] = [(_cut(short_id(point.id, "")), "") for point in points]
    phases = [(point.phase, _PHASE_STYLES.get(point.phase, "red")) for point in points]
    columns = [
        Column(("", "point"), names, is_right=False),
        Column(("", "phase"), phases, is_right=False, least=8),
        Column(("ok", "[/s]"), rates("ok_per_s"), least=8),
        Column(("refused", "[/s]"), rates("refusals_per_s"), least=8),
        Column(("held back", "[/s]"), rates("held_back_per_s"), goes=2),
    ]
    for index, side in enumerate(sides(point.time_wait for point in points)):
        counts = [(f"{point.time_wait.get(side, 0):,}", "") for point in points]
        title = ("" if index else "TIME_WAIT", side)
        columns.append(Column(title, counts, goes=index, least=7))
        if index == 0:
            bars = [
                (
                    _bar(
                        point.time_wait.get(side, 0) / max(point.usable_ports, 1),
                        _SMALL_BAR,
                        ascii_only,
                    ),
                    "cyan",
                )
                for point in points
            ]
            columns.append(Column(("", ""), bars, is_right=False, goes=4))
    if any(point.time_lapse for point in points):
        marks = [("time-lapse" if point.time_lapse else "", "magenta") for point in points]
        columns.append(Column(("", ""), marks, is_right=False))
    return columns


def _shown(
    points: Sequence[PointState], most: int
) -> tuple[Sequence[PointState], Sequence[PointState]]:
    """Return the points that get a row, the failed and those at work first, and the rest."""
    if len(points) <= most:
        return points, ()
    turn = ("failed", "window", "fill", "starting", "done").index
    order = sorted(range(len(points)), key=lambda index: turn(points[index].phase))
    return (
        [points[index] for index in sorted(order[:most])],
        [points[index] for index in sorted(order[most:])],
    )


def _phases_text(points: Sequence[PointState]) -> str:
    """Return the phase that all points are in, or how many are in each."""
    counts = Counter(point.phase for point in points)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {phase}" for phase, count in counts.items()) or "starting"


def _bar(share: float, width: int, ascii_only: bool) -> str:
    full, empty = "#-" if ascii_only else "━─"
    filled = round(width * min(max(share, 0.0), 1.0))
    return full * filled + empty * (width - filled)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_ID else f"{text[: _LONGEST_ID - 3]}..."


def _clock(seconds: float) -> str:
    """Return whole seconds as a person says them."""
    whole = max(0, round(seconds))
    return duration_text(whole) if whole else "0 s"
