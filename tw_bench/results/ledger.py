"""What the load counted beside what the kernel counted. Pure.

The kernel knows who closed and how: TIME_WAIT made by side, RSTs sent instead. So a point whose
connections did not end as its profile says is seen here, even where every transaction went well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tw_bench.kernel.tcp import TIME_WAIT_LENGTH_S
from tw_bench.plan.calling import LIBRARIES, as_called
from tw_bench.profile.model import Point
from tw_bench.results.outcomes import OK, decode
from tw_bench.results.schema import LedgerLine
from tw_bench.results.tally import Tally

Counters = Mapping[str, Mapping[str, int]]  # side → counter → change over the run

_RST_COUNTERS = {"rst": "TcpExt.TCPAbortOnData", "unread": "TcpExt.TCPAbortOnClose"}
_TIME_WAIT_COUNTERS = ("TcpExt.TW", "TcpExt.TCPTimeWaitOverflow")


def ledger(
    point: Point, prediction: Mapping[str, Any], tally: Tally, counters: Counters
) -> list[LedgerLine]:
    """Return the lines of the ledger; each must be even."""
    if point.load.command is not None:
        return _of_command(point, counters)
    if point.has_proxy:
        return _proxied(tally, counters)
    shared = counters.get("host")
    client = counters.get("client", shared or {})
    server = counters.get("server", shared or {})
    lines = [
        _line("connections opened", tally.syn_sent, client, "client", "Tcp.ActiveOpens"),
        _line("connections accepted", tally.opened, server, "server", "Tcp.PassiveOpens"),
        *_closes(point, tally, client, server, shared is not None),
    ]
    if prediction["hold_s"] >= TIME_WAIT_LENGTH_S:
        lines.append(_line("TIME_WAIT taken over", 0, client, "client", "TcpExt.TWRecycled"))
    return lines


def _of_command(point: Point, counters: Counters) -> list[LedgerLine]:
    """Return the lines of a program of the user's: what its end opened, the other accepted."""
    near = counters.get("client", counters.get("host", {})).get("Tcp.ActiveOpens", 0)
    name = "proxy" if point.has_proxy else "server"
    far = counters.get(name, counters.get("host", {}))
    return [_line("connections opened", near, far, name, "Tcp.PassiveOpens")]


def _proxied(tally: Tally, counters: Counters) -> list[LedgerLine]:
    """Return the lines of both halves; who closed which connection is the proxy's business."""
    client, proxy, server = (counters.get(side, {}) for side in ("client", "proxy", "server"))
    upstream = proxy.get("Tcp.ActiveOpens", 0)
    return [
        _line("connections opened", tally.syn_sent, client, "client", "Tcp.ActiveOpens"),
        _line("connections accepted", tally.opened, proxy, "proxy", "Tcp.PassiveOpens"),
        _line("upstream connections", upstream, server, "server", "Tcp.PassiveOpens"),
    ]


def _closes(
    point: Point,
    tally: Tally,
    client: Mapping[str, int],
    server: Mapping[str, int],
    is_shared: bool,
) -> Iterator[LedgerLine]:
    """Yield who closed how many connections, and how."""
    connection = as_called(point).connection
    closer, close = connection.active_closer, connection.close
    whole = tally.opened - _broken(tally) - tally.closed_early  # ended in the profile's own way
    made = {"client": tally.closed_early, "server": 0}
    sides = {"client": client, "server": server}
    closers = ("client", "server") if closer == "both" else (closer,)
    if close in _RST_COUNTERS:
        counter = _RST_COUNTERS[close]
        yield _line(f"closed by an RST of the {closer}", whole, sides[closer], closer, counter)
    else:
        for side in closers:
            made[side] += whole
    if point.client.kind in LIBRARIES and closer == "server" and not is_shared:
        yield _raced(whole, client, server)
        return
    if is_shared:
        made, sides = {"host": sum(made.values())}, {"host": client}
    for side, count in made.items():
        name = f"TIME_WAIT made on the {side}" if side != "host" else "TIME_WAIT made"
        yield _line(name, count, sides[side], side, *_TIME_WAIT_COUNTERS)


def _raced(whole: int, client: Mapping[str, int], server: Mapping[str, int]) -> LedgerLine:
    """Return the line of connections that both ends may close first.

    A library closes as soon as it has read a response that says close, often together with the
    server and now and then before it. RFC 9112 section 9.6 leaves that to the server.
    """
    both = {name: client.get(name, 0) + server.get(name, 0) for name in _TIME_WAIT_COUNTERS}
    return _line("TIME_WAIT made on either side", whole, both, "both", *_TIME_WAIT_COUNTERS)


def _broken(tally: Tally) -> int:
    """Return how many connections were established and then ended otherwise than they should."""
    return sum(
        count
        for code, count in tally.outcomes.items()
        if code > OK and decode(code).phase in ("send", "receive", "close")
    )


def _line(
    name: str, ours: int, counters: Mapping[str, int], side: str, *counted: str
) -> LedgerLine:
    words = " + ".join(counter.partition(".")[2] for counter in counted)
    kernel = sum(counters.get(counter, 0) for counter in counted)
    return LedgerLine(name=name, ours=ours, kernel=kernel, counter=f"{words}, {side}")
