"""What is looked for. To add a check: a function in one of these modules, and a line in CHECKS."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tw_bench.doctor.checks import bound, descriptors, limits, ports, sockets, timers
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, in_order

Check = Callable[[Examination], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    ports.ports_in_use,
    bound.taken_in_bind,
    ports.port_range,
    ports.odd_range,
    ports.listeners_in_the_range,
    bound.bound_and_idle,
    bound.bound_early,
    sockets.close_wait_piles,
    sockets.unaccepted,
    sockets.fin_wait_2_pile,
    sockets.orphans,
    timers.time_wait,
    limits.conntrack,
    limits.conntrack_rate,
    descriptors.open_files,
    descriptors.processes,
    timers.tw_reuse,
    timers.timestamps,
    timers.tw_recycle,
    timers.fin_timeout,
    timers.rfc1337,
    timers.max_tw_buckets,
    limits.somaxconn,
    limits.syncookies,
    ports.reserved_ports,
    limits.user_namespaces,
)


def findings(examination: Examination) -> list[Finding]:
    """Return what every check has to say, the gravest first."""
    said = in_order(finding for check in CHECKS for finding in check(examination))
    return list(_one_command_each(said))


def _one_command_each(said: Iterable[Finding]) -> Iterator[Finding]:
    """Leave each sysctl to the first command that sets it: a second one would undo the first."""
    set_by: dict[str, str] = {}
    for finding in said:
        names = _sysctls(finding.command)
        earlier = next((set_by[name] for name in names if name in set_by), None)
        if earlier is None:
            set_by |= dict.fromkeys(names, finding.topic)
            yield finding
        else:
            why = f"{finding.why} The command above, for {earlier}, sets the same."
            yield replace(finding, why=why, command="", risk="")


def _sysctls(command: str) -> list[str]:
    """Return the sysctls that a command sets.

    >>> _sysctls('sudo sysctl -w net.ipv4.tcp_tw_reuse=1 net.ipv4.ip_local_port_range="1024 65535"')
    ['net.ipv4.tcp_tw_reuse', 'net.ipv4.ip_local_port_range']
    """
    if not command.startswith("sudo sysctl -w "):
        return []
    return [word.partition("=")[0] for word in shlex.split(command)[3:]]
