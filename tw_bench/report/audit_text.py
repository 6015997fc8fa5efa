"""An audit in the terminal: what a program did to the ports, and how often it may be run."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from tw_bench.report.text import Cell, Column, Columns, count_cell, hold_cell, labelled
from tw_bench.results.audited import TIMEOUT_EXIT_CODE, Audited, Called, Closes
from tw_bench.units import duration_text, rate_text

Row = tuple[str, str, str]  # label, words, style

_LABEL = 12  # width
_SHOWN = 10  # destinations
_LONGEST = 200  # signs of the command
_SHORT = "none was seen open, by a look every 20 ms"
_ENOUGH = 28  # of a destination's name, before other columns go


def show_audit(console: Console, audited: Audited) -> None:
    """Print an audit."""
    verdict, style = _verdict(audited)
    console.print(labelled([("", verdict, style)], console.width, 0), soft_wrap=True)
    console.print()
    console.print(labelled(_facts(audited), console.width, _LABEL), soft_wrap=True)
    shown = audited.called[:_SHOWN]
    if shown:
        console.print()
        console.print(_table(audited, console.width), soft_wrap=True)
    if len(audited.called) > _SHOWN:
        more = len(audited.called) - _SHOWN
        console.print(Text(f"and {more:,} more destinations", "dim"))
    meaning = list(_meaning(audited))
    if meaning:
        console.print()
        console.print(labelled(meaning, console.width, _LABEL), soft_wrap=True)


def audit_json(audited: Audited) -> str:
    """Return an audit as JSON; rates are a second, `burnt_per_h` an hour."""
    figures = {
        **asdict(audited),
        "mean_per_s": audited.mean_per_s,
        "not_closed": audited.not_closed,
    }
    return json.dumps(figures, indent=2, allow_nan=False)


def _verdict(a: Audited) -> tuple[str, str]:
    """Return the one line that is read if no other is."""
    connections = _count(a.opened, "connection")
    dry = [each.name for each in a.called if each.ran_dry]
    if dry:
        return f"It ran dry: all {a.ports:,} ports towards {dry[0]} were in use.", "bold red"
    if not a.opened:
        return "It opened no connection.", "bold"
    if a.burnt:
        return f"It opened {connections} and burnt {_count(a.burnt, 'port')}.", "bold yellow"
    return f"It opened {connections} and burnt no port{_why(a.closes)}.", "bold green"


def _why(closes: Closes) -> str:
    """Return why nothing was burnt, where one reason is enough."""
    if closes.target and not (closes.reset or closes.unclear):
        return ": the server closed first"
    if closes.reset and not (closes.target or closes.unclear):
        return ": they ended in an RST"
    return ""


def _facts(a: Audited) -> Iterator[Row]:
    command = shlex.join(a.command)
    yield "command", command if len(command) <= _LONGEST else f"{command[:_LONGEST]} ...", "dim"
    yield "ended", _ended(a), "red" if a.exit_code else ""
    if a.opened:
        yield from _connections(a)
    if a.no_route:
        times = _count(a.no_route, "time")
        yield "outside", f"called {times}: there is no way out of the lab", "yellow"
    if a.not_closed:
        when = duration_text(a.looked_before_end_s)
        yield "not closed", f"{_states(a.open_at_end)}, {when} before it ended", "yellow"
    if a.processes_left:
        left = _states(a.left) or "no connection"
        yield "left", f"{_count(a.processes_left, 'process', 'es')} still running, {left}", "yellow"


def _connections(a: Audited) -> Iterator[Row]:
    """Yield how many there were, to whom, how many at once, and who closed them."""
    opened = f"{a.opened:,}, {rate_text(a.mean_per_s)} on average"
    yield "opened", f"{opened}, {a.busiest_per_s:,} in the busiest second", ""
    if a.inside or a.failed:
        parts = [f"{a.to_target:,} to the target", f"{a.inside:,} to its own servers"]
        parts += [f"{a.failed:,} refused or not answered"] * bool(a.failed)
        yield "", ", ".join(parts), ""
    peak = f"{a.peak_established:,} ESTABLISHED at once" if a.peak_established else _SHORT
    yield "peak", peak, ""
    if a.to_target:
        yield "closed", _closed(a), ""
    if a.inside:
        here = a.time_wait["client"] - a.closes.client - a.closes.both
        text = f"inside, TIME_WAIT was made {here:,} times: which end closed first cannot be told"
        yield "" if a.to_target else "closed", text, ""
    resets = [f"{count:,} by the {side}" for side, count in a.resets.items() if count]
    if resets:
        yield "RST", f"sent instead of a FIN: {', '.join(resets)}", ""


def _ended(a: Audited) -> str:
    after = f"after {duration_text(a.elapsed_s)}"
    if a.timed_out:
        return f"by us {after}, its time was up (exit code {TIMEOUT_EXIT_CODE})"
    if a.exit_code > 128:
        return f"{after}, exit code {a.exit_code}: signal {a.exit_code - 128}"
    return f"{after}, exit code {a.exit_code}"


def _closed(a: Audited) -> str:
    """Return who closed the target's connections first, the most first."""
    c = a.closes
    ways = {
        "by the client first": c.client,
        "by the target first": c.target,
        "by both at once": c.both,
        "by an RST": c.reset,
        "still open": c.open,
        "unclear": c.unclear,
    }
    known = sorted(((count, way) for way, count in ways.items() if count), reverse=True)
    return ", ".join(f"{way} {count:,} ({_share(count, a.to_target)})" for count, way in known)


def _share(count: int, of: int) -> str:
    """Return a share; what is not all of it is never said to be, nor what is something none."""
    percent = 100 * count / of
    if 0 < percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def _table(a: Audited, width: int) -> Text:
    shown = a.called[:_SHOWN]
    rates: list[Cell] = [(_runs(each), "") for each in shown]
    columns = [
        Column(("", "destination"), [(each.name, "") for each in shown], is_right=False),
        Column(("ports", "at most"), [count_cell(each.most_ports) for each in shown]),
        Column(("burnt", "a run"), [count_cell(each.burnt) for each in shown]),
        Column(("held", "[s]"), [hold_cell(each.hold_s, False) for each in shown], goes=1),
        Column(("runs", "[/s]"), rates),
        Column(("", "states"), [(_states(e.by_state), "") for e in shown], is_right=False, goes=2),
    ]
    fitted = Columns(columns, width - 1, _ENOUGH)
    return Text("\n").join([fitted.header(), fitted.rows(range(len(shown)))])


def _runs(each: Called) -> str:
    if each.runs_per_s is None:
        return "unlimited"
    return rate_text(each.runs_per_s).removesuffix("/s") if each.runs_per_s >= 0.01 else "< 0.01"


def _meaning(a: Audited) -> Iterator[Row]:
    """Yield what it means to run the program again and again."""
    if not a.burnt:
        return
    first = a.called[0]
    more = "" if len(a.called) == 1 else f" towards {first.name}"
    yield (
        "each run",
        f"burns {_count(first.burnt, 'port')}{more} for up to {round(first.hold_s, 2):g} s: "
        f"{_most_runs(first)} dry ({a.ports:,} ports)",
        "",
    )
    rate = rate_text(first.burnt / a.elapsed_s).removesuffix("/s")
    style = "red" if first.ran_dry or first.full_after_s else ""
    yield "this pace", f"{rate} ports a second{more}: {_pace(first)}", style
    yield "an hour", f"{a.burnt_per_h:,.0f} ports, if it is run back to back", ""


def _pace(each: Called) -> str:
    if each.full_after_s is not None:
        return f"the range is full after {duration_text(each.full_after_s)}"
    if each.ran_dry:
        return "the range would do, had they not come in a burst"
    return "the range is never full"


def _most_runs(each: Called) -> str:
    assert each.runs_per_s is not None
    if each.runs_per_s >= 1:
        return f"more than {rate_text(each.runs_per_s).removesuffix('/s')} runs a second run"
    return f"more than one run in {duration_text(1 / each.runs_per_s)} runs"


def _states(by_state: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in by_state.items())


def _count(number: int, one: str, more: str = "s") -> str:
    return f"{number:,} {one}{'' if number == 1 else more}"
