"""Sockets that stay where they should only pass through. Pure."""

from collections.abc import Iterator

from tw_bench.doctor.examination import LATE_S, PILE, Examination
from tw_bench.doctor.finding import Finding
from tw_bench.kernel.socket_owners import Owner
from tw_bench.units import duration_text

_SHARE = 10.0  # percent of the ports towards one destination
_MANY = 1_000  # of them anywhere: a peer that never closes, not a few slow ones
_SHORT_FIN_TIMEOUT_S = 15
_HIGH = 50.0  # percent of tcp_max_orphans


def close_wait_piles(e: Examination) -> Iterator[Finding]:
    """A program that does not close what its peers have closed."""
    for pile in e.piles:
        who, limit = "programs of other users have", ""
        if pile.owner is not None:
            who = f"{pile.owner.command} (pid {pile.owner.pid}) has"
            limit = _limit(e, pile.owner)
        yield Finding(
            level="advice",
            topic="CLOSE_WAIT",
            found=f"{who} {pile.sockets:,} connections in CLOSE_WAIT, the oldest for "
            f"{duration_text(pile.oldest_s)}{limit}",
            why="The peer has closed and the program has not: each keeps its descriptor, and its "
            "port, until the program closes it. No sysctl ends it.",
        )


def _limit(e: Examination, owner: Owner) -> str:
    """Return how far the process is from its end, where that was seen."""
    of = next((each for each in e.descriptors if each.owner.pid == owner.pid), None)
    return f"; {of.open:,} of {of.soft:,} descriptors" if of else ""


def unaccepted(e: Examination) -> Iterator[Finding]:
    """Connections whose peer has gone before anybody accepted them."""
    if e.unaccepted_close_waits < PILE:
        return
    yield Finding(
        level="advice",
        topic="CLOSE_WAIT",
        found=f"{e.unaccepted_close_waits:,} connections were closed by their peer over "
        f"{LATE_S:g} s ago and are still in an accept queue",
        why="A server here does not call accept() in time: its peers give up first.",
    )


def fin_wait_2_pile(e: Examination) -> Iterator[Finding]:
    """Peers that do not close what was closed here."""
    if not has_fin_wait_2_pile(e):
        return
    count, orphaned = e.table.by_state.get("FIN_WAIT_2", 0), e.table.orphaned_fin_wait_2
    towards = ""
    if worst := _most_fin_wait_2(e):
        towards = f"; {worst[1]:,} towards {worst[0]}, {worst[2]:.1f} % of its ports"
    timeout_s = int(e.facts.sysctls.get("net.ipv4.tcp_fin_timeout", "60"))
    helps = timeout_s > _SHORT_FIN_TIMEOUT_S and 2 * orphaned > count
    yield Finding(
        level="advice",
        topic="FIN_WAIT_2",
        found=f"{count:,} connections, {orphaned:,} of them orphans{towards}",
        why="They were closed here and not by the peer. An orphan keeps its port for "
        f"tcp_fin_timeout ({timeout_s} s) and tcp_tw_reuse does not free it; what a program still "
        "has open stays without end.",
        command=f"sudo sysctl -w net.ipv4.tcp_fin_timeout={_SHORT_FIN_TIMEOUT_S}" if helps else "",
        risk="a peer that sends after that gets an RST; TIME_WAIT does not change" if helps else "",
    )


def has_fin_wait_2_pile(e: Examination) -> bool:
    """Return whether FIN_WAIT_2 are many, or much of the ports towards one destination."""
    worst = _most_fin_wait_2(e)
    is_much = worst is not None and worst[2] >= _SHARE
    return is_much or e.table.by_state.get("FIN_WAIT_2", 0) >= _MANY


def _most_fin_wait_2(e: Examination) -> tuple[str, int, float] | None:
    """Return the destination with the most of them: its name, how many, percent of its ports."""
    found = [(use.destination.by_state.get("FIN_WAIT_2", 0), use) for use in e.usage]
    ports, use = max(found, key=lambda item: item[0], default=(0, None))
    if use is None or not ports:
        return None
    return use.destination.name, ports, 100 * ports / max(1, use.usable_ports)


def orphans(e: Examination) -> Iterator[Finding]:
    """Sockets that no process has any more, against the most that there may be."""
    if not e.max_orphans:
        return
    share = 100 * e.table.orphans / e.max_orphans
    if share < _HIGH:
        return
    yield Finding(
        level="advice",
        topic="orphans",
        found=f"{e.table.orphans:,} of {e.max_orphans:,} ({share:.1f} %)",
        why="Closed connections whose data the peer does not acknowledge; beyond the limit the "
        "kernel resets them, and data is lost.",
        command=f"sudo sysctl -w net.ipv4.tcp_max_orphans={2 * e.max_orphans}",
        risk="up to 64 kB of memory each that is not swapped",
    )
