"""The one command that makes the range wider, and who has ports of it. Pure.

Both sysctls are written as a whole: a range that takes in the port of a service has to be set
together with the ports that are reserved.
"""

from collections.abc import Iterable

from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Remedy
from tw_bench.doctor.socket_table import Holder
from tw_bench.plan import capacity
from tw_bench.plan.environment import LINUX_PORTS

FIRST_PORT = 1_024
LAST_PORT = 65_535
_SHOWN = 6  # runs of ports, in a sentence


def widest(e: Examination) -> Remedy:
    """Return command and risk of the widest range; both empty where that is set already."""
    low = _lowest(e, FIRST_PORT)
    low += (LAST_PORT + 1 - low) % 2  # an even count
    if e.environment.ports.low <= low and e.environment.ports.high == LAST_PORT:
        return {"command": "", "risk": ""}
    return widened(e, low, LAST_PORT)


def as_linux_sets_it(e: Examination) -> Remedy:
    """Return command and risk of the default range."""
    return widened(e, _lowest(e, LINUX_PORTS.low), LINUX_PORTS.high)


def _lowest(e: Examination, low: int) -> int:
    """Return the lowest port that the kernel takes for a range (EINVAL below it)."""
    return max(low, int(e.facts.sysctls.get("net.ipv4.ip_unprivileged_port_start", 0)))


def widened(e: Examination, low: int, high: int) -> Remedy:
    """Return command and risk of a range, with all listeners inside it reserved."""
    ports = e.environment.ports
    inside = {h.port for h in e.holders if h.is_listening and low <= h.port <= high}
    new = {port for port in inside - reserved(e) if not ports.low <= port <= ports.high}
    first = f'net.ipv4.ip_local_reserved_ports="{reserved_with(e, inside)}" ' if inside else ""
    if new:
        risk = (
            f"services on {shortened(ports_text(new))} would lose their ports at a restart: the "
            "command reserves them first. Add those that are stopped now, and UDP"
        )
    else:
        risk = "add to ip_local_reserved_ports what is stopped now or UDP, or it may lose its port"
    return {
        "command": f'sudo sysctl -w {first}net.ipv4.ip_local_port_range="{low} {high}"',
        "risk": f"{risk}. A firewall made for the old range drops the new ports",
    }


def reserved(e: Examination) -> set[int]:
    """Return the ports that are reserved already."""
    text = e.facts.sysctls.get("net.ipv4.ip_local_reserved_ports", "")
    return {port for some in capacity.reserved_ports(text) for port in some}


def reserved_with(e: Examination, more: Iterable[int]) -> str:
    """Return the list of reserved ports with some more, as the sysctl is written."""
    return ports_text({*more, *reserved(e)})


def ports_text(ports: Iterable[int]) -> str:
    """Return ports as a list of ranges.

    >>> ports_text([8080, 40000, 40002, 40001])
    '8080,40000-40002'
    """
    runs: list[list[int]] = []
    for port in sorted(set(ports)):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ",".join(f"{low}-{high}" if high > low else f"{low}" for low, high in runs)


def shortened(ports: str) -> str:
    """Return a list of ranges as it is read in a sentence.

    >>> shortened("1,3,5,7,9,11,13,15")
    '1,3,5,7,9,11 and more'
    """
    runs = ports.split(",")
    return ports if len(runs) <= _SHOWN else f"{','.join(runs[:_SHOWN])} and more"


def in_range(e: Examination) -> list[Holder]:
    """Return who has ports of the present range."""
    ports = e.environment.ports
    return [h for h in e.holders if ports.low <= h.port <= ports.high]


def who(held: Iterable[Holder], e: Examination) -> str:
    """Return ports by the program that has them; a program that is not to be seen has no name."""
    by_command: dict[str, set[int]] = {}
    for h in held:
        owner = e.owners.get(h.inode)
        by_command.setdefault(owner.command if owner else "", set()).add(h.port)
    return "; ".join(
        f"{shortened(ports_text(ports))}{f' ({command})' if command else ''}"
        for command, ports in sorted(by_command.items(), key=lambda item: min(item[1]))
    )
