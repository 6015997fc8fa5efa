"""Ports that were bound before connect(): they serve one connection, or none. Pure."""

from collections.abc import Iterator

from tw_bench.doctor.checks.widening import in_range, who, widest
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding
from tw_bench.doctor.socket_table import BY_ACCIDENT, SourcePorts

_FULL, _HIGH = 95.0, 70.0  # percent of the range, as in ports.py
_SHARE = 0.1  # of the connections of a source address: below it they are no trouble


def taken_in_bind(e: Examination) -> Iterator[Finding]:
    """A source address whose ports are nearly gone, though no destination has many of them."""
    for of in sorted(crowded(e), key=lambda each: -each.lone_ports):
        yield _taken(of, e)
        return  # the ports are those of the whole host


def crowded(e: Examination) -> list[SourcePorts]:
    """Return the source addresses that bind() has taken most of the range for."""
    return [of for of in e.table.sources if of.is_bound_early and _percent(of, e) >= _HIGH]


def _percent(of: SourcePorts, e: Examination) -> float:
    return 100 * of.lone_ports / max(1, e.environment.usable_ports)


def _taken(of: SourcePorts, e: Examination) -> Finding:
    shared = of.used_ports - of.lone_ports
    usable = e.environment.usable_ports
    sharing = f"{shared:,} shared" if shared else "none shared"
    sure = "most likely taken" if of.is_leftover else "taken"
    is_full = _percent(of, e) >= _FULL and not of.is_leftover
    why = (
        "Such a port serves one connection, whatever the destination: when none is left, bind() "
        "fails with EADDRINUSE and connect() with EADDRNOTAVAIL. What helps is "
        "IP_BIND_ADDRESS_NO_PORT, set before bind()"
    )
    return Finding(
        level="blocking" if is_full else "advice",
        topic="ports in use",
        found=f"from {of.source} to {of.destinations:,} destinations: {of.used_ports:,} of "
        f"{usable:,} ports in use, {sharing} between destinations: they were {sure} in bind()",
        why=f"{why}; a wider range puts it off." if widest(e)["command"] else f"{why}.",
        **widest(e),
    )


def bound_and_idle(e: Examination) -> Iterator[Finding]:
    """Ports that somebody bound and neither listens on nor uses."""
    held = [h for h in in_range(e) if not h.is_listening]
    if not held:
        return
    ports = {h.port for h in held}
    noun = "ports of the range are" if len(ports) > 1 else "port of the range is"
    yield Finding(
        level="advice",
        topic="bound ports",
        found=f"{len(ports):,} {noun} bound and idle: {who(held, e)}",
        why="connect() leaves a bound port out, whatever the destination. A client that binds to "
        "port 0 first should set IP_BIND_ADDRESS_NO_PORT.",
    )


def bound_early(e: Examination) -> Iterator[Finding]:
    """Ports of the parity that connect() leaves for last: bound before connect(), most likely.

    Since Linux 4.2 (07f4c90062f8) connect() takes the ports of the parity of the range's low end
    first, and bind() to port 0 those of the other (__inet_hash_connect, inet_csk_find_open_port).
    """
    if crowded(e):  # which says it already, and how far it has gone
        return
    for of in e.table.sources:
        if of.out_of_turn < max(BY_ACCIDENT, _SHARE * of.connections):
            continue
        burst = " Or the other half was a burst, and its TIME_WAIT have ended first."
        yield Finding(
            level="advice",
            topic="bound ports",
            found=f"inferred: about {of.out_of_turn:,} of the {of.connections:,} connections from "
            f"{of.source} to {_where(of, e)} got their port in bind(), not in connect()",
            why="Their ports are of the parity that connect() leaves for last. A port from "
            "bind() serves one connection, not one to each destination: "
            "IP_BIND_ADDRESS_NO_PORT, unless the program chose the port on purpose."
            + (burst if of.is_leftover else ""),
        )
        return  # one is enough to look into it


def _where(of: SourcePorts, e: Examination) -> str:
    """Return the destinations of a source address, by the name of the one with the most."""
    names = [use.destination.name for use in e.usage if use.destination.source == of.source]
    if of.destinations > 1 or not names:
        first = f" ({names[0]} first of all)" if names else ""
        return f"{of.destinations:,} destinations{first}"
    return names[0]
