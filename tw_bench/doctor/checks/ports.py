"""The range and who has its ports. Pure."""

from collections.abc import Iterable, Iterator

from tw_bench.doctor.checks.bound import crowded
from tw_bench.doctor.checks.widening import (
    LAST_PORT,
    as_linux_sets_it,
    in_range,
    ports_text,
    reserved,
    reserved_with,
    shortened,
    who,
    widened,
    widest,
)
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, Level, ready, setting
from tw_bench.doctor.usage import Usage, limits_here
from tw_bench.plan.environment import LINUX_PORTS
from tw_bench.units import rate_text

FULL = 95.0  # percent; a burst of a second fills the rest
HIGH = 70.0  # percent; above half of the range every connect() already pays for a longer search


def ports_in_use(e: Examination) -> Iterator[Finding]:
    """A destination whose ports are nearly gone, by the ports that connect() may not take."""
    by_share = sorted(e.usage, key=lambda use: -use.blocked_percent)
    full = [use for use in by_share if use.blocked_percent >= FULL]
    high = [use for use in by_share if HIGH <= use.blocked_percent < FULL]
    if not e.environment.usable_ports:
        yield _no_port(e)
    if full:
        yield _filled("blocking", full, e)
    if high:
        yield _filled("advice", high, e)
    if not full and not high and not crowded(e) and e.sees_sockets:
        yield ready("ports in use", _busiest_text(e.usage))


def _no_port(e: Examination) -> Finding:
    return Finding(
        level="blocking",
        topic="ports in use",
        found=f"no port of {e.environment.ports} is left: all are held or reserved",
        why="connect() fails with EADDRNOTAVAIL, whatever the destination.",
        **widest(e),
    )


def _busiest_text(uses: Iterable[Usage]) -> str:
    for use in uses:
        return f"busiest: {use.destination.name}, {_share_text(use)}"
    return "no connection holds a port of the range"


def _share_text(use: Usage) -> str:
    again = ""
    if use.hold.is_time_lapse and "TIME_WAIT" in use.destination.by_state:
        again = f"; TIME_WAIT is taken over after {use.hold.longest_s:g} s"
    used, usable = use.destination.used_ports, use.usable_ports
    return f"{used:,} of {usable:,} ports ({use.percent:.1f} %){again}"


def _filled(level: Level, uses: list[Usage], e: Examination) -> Finding:
    first = uses[0]
    states = ", ".join(f"{n:,} {state}" for state, n in first.destination.by_state.items())
    more = f"; {len(uses) - 1} more like it" if len(uses) > 1 else ""
    source, name = first.destination.source, first.destination.name
    if level == "blocking":
        why = f"connect() from {source} to {name} fails with EADDRNOTAVAIL when none is left."
    else:
        why = "Above half of the range each connect() searches longer; at its end it fails."
    cause, command, risk = _remedy(first, e)
    return Finding(
        level=level,
        topic="ports in use",
        found=f"{source} to {name}: {_share_text(first)}: {states}{more}",
        why=f"{why} {cause}".strip(),
        command=command,
        risk=risk,
    )


def _remedy(use: Usage, e: Examination) -> tuple[str, str, str]:
    """Return (cause, command, risk) by the state that most of the ports are in."""
    states, here = use.destination.by_state, e.environment
    most = max(states, key=lambda state: states[state])
    if most == "CLOSE_WAIT":
        return "The program here has not closed what its peers have closed: see to it.", "", ""
    if most == "FIN_WAIT_2":
        return "The peers do not close what was closed here: see to them.", "", ""
    if most == "TIME_WAIT" and here.timestamps and here.tw_reuse != 1:
        return (
            "Keeping connections open would end it; tcp_tw_reuse frees a port sooner.",
            "sudo sysctl -w net.ipv4.tcp_tw_reuse=1",
            "safe where both ends send timestamps; where the peer does not, nothing changes",
        )
    wider = widest(e)
    return "", wider["command"], wider["risk"]


def port_range(e: Examination) -> Iterator[Finding]:
    """A range narrower than Linux makes it."""
    ports, usable = e.environment.ports, e.environment.usable_ports
    if ports.count < LINUX_PORTS.count:
        odd = ", an odd count," if ports.count % 2 and ports.count > 1 else ""
        yield Finding(
            level="advice",
            topic="port range",
            found=f"{ports} has {ports.count:,} ports{odd or ','} {usable:,} usable; Linux gives "
            f"{LINUX_PORTS.count:,}",
            why="The rate that one destination can be called at grows with the range.",
            **as_linux_sets_it(e),
        )
        return
    _, per_s = limits_here(e.environment, loopback=False)
    rate = "without a limit" if per_s is None else f"{rate_text(per_s)} to each destination"
    yield ready("port range", f"{ports}: {usable:,} usable ports, {rate}")


def odd_range(e: Examination) -> Iterator[Finding]:
    """A range with an odd count of ports, of which one may hide."""
    ports = e.environment.ports
    if ports.count % 2 == 0 or ports.count < LINUX_PORTS.count:  # a narrow one has its command
        return
    yield Finding(
        level="advice",
        topic="port range",
        found=f"{ports} has an odd count of ports, {ports.count:,}",
        why="connect() looks at an even count, so it may miss one port and refuse too early.",
        command=widened(e, ports.low, ports.high + (-1 if ports.high == LAST_PORT else 1))[
            "command"
        ],
        risk="none",
    )


def listeners_in_the_range(e: Examination) -> Iterator[Finding]:
    """Listeners on ports that connect() might take while they restart."""
    already = reserved(e)
    held = [h for h in in_range(e) if h.is_listening and h.port not in already]
    if not held:
        return
    ports = {h.port for h in held}
    are = f"{len(ports):,} ports of the range are" if len(ports) > 1 else "a port of the range is"
    yield Finding(
        level="advice",
        topic="listeners",
        found=f"{are} listened on: {who(held, e)}",
        why="When such a service restarts, a connection may have taken its port meanwhile, and "
        "bind() fails with EADDRINUSE.",
        command=f'sudo sysctl -w net.ipv4.ip_local_reserved_ports="{reserved_with(e, ports)}"',
        risk="none to connections that are open: connect() and bind() to port 0 leave these out",
    )


def reserved_ports(e: Examination) -> Iterator[Finding]:
    """What connect() and bind() to port 0 leave out."""
    if "net.ipv4.ip_local_reserved_ports" in e.facts.sysctls:
        yield setting("ip_local_reserved_ports", shortened(ports_text(reserved(e))) or "none")
