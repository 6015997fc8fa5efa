"""`tw-bench audit -- CMD`: any program in a private lab, and what it did to the ports."""

import sys
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from tw_bench import units
from tw_bench.cli.output import EnduringOutput, stdout
from tw_bench.errors import HostError, ProfileError, ThresholdError

if TYPE_CHECKING:
    from tw_bench.audit import Asked
    from tw_bench.results.audited import Audited

CONTEXT = {"allow_interspersed_args": False}  # what follows the program's name is the program's
_LONGEST_S = 86_400

Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CMD",
        help="The program. {url}, {address} and {port} are those of a web server in the lab.",
        show_default=False,
    ),
]
PortsFlag = Annotated[
    str, typer.Option(metavar="PORTS", help="The ephemeral range: 32768-60999, or 500.")
]
Ip = Annotated[str, typer.Option(metavar="4|6", help="IP version of the web server.")]
Timeout = Annotated[
    str, typer.Option(metavar="TIME", help="Then it is ended with all it started: exit 124.")
]
MostConnections = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="More of them: exit 99.", show_default=False),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON to stdout; CMD's stdout goes to stderr.")
]


def audit(
    command: Command = None,
    ports: PortsFlag = "32768-60999",
    ip: Ip = "4",
    timeout: Timeout = "1h",
    max_connections: MostConnections = None,
    as_json: AsJson = False,
) -> None:
    """Audit a program: how many connections, who closed them, how soon it runs dry.

    CMD runs in a network of its own, with our stdin, stdout and stderr. The audit
    goes to stderr. A web server is at $TW_BENCH_URL ($TW_BENCH_ADDRESS and
    $TW_BENCH_PORT); 127.0.0.1 is there for servers of CMD's own. Nothing outside
    can be reached: no internet, no DNS, no other host.

    The exit code is CMD's own; 128+n where signal n ended it, 127 where it is not
    found, 126 where it may not be run, 124 where its time was up, 99 where it
    opened more than --max-connections. Ctrl-C and SIGTERM go to CMD.
    """
    if sys.platform != "linux":
        raise HostError(f"tw-bench audit needs Linux and its namespaces; this is {sys.platform}")
    if not command or not command[0]:
        raise ProfileError("audit: got no program: want tw-bench audit -- CMD, such as curl {url}")
    audited = _run(_asked(tuple(command), ports, ip, timeout, stdout=2 if as_json else 1))
    _show(audited, as_json=as_json)
    raise typer.Exit(_exit_code(audited, max_connections))


def _exit_code(audited: "Audited", max_connections: int | None) -> int:
    """Return what we end with; the threshold is what was asked for, so it comes first."""
    from tw_bench.results.audited import TIMEOUT_EXIT_CODE

    if max_connections is not None and audited.opened > max_connections:
        raise ThresholdError(
            f"--max-connections {max_connections:,}: it opened {audited.opened:,}"
            f" (its exit code: {audited.exit_code})"
        )
    return TIMEOUT_EXIT_CODE if audited.timed_out else audited.exit_code


def _asked(command: tuple[str, ...], ports: str, ip: str, timeout: str, *, stdout: int) -> "Asked":
    from tw_bench.audit import Asked
    from tw_bench.profile.quantities import PortRange

    try:
        low, high = units.parse_ports(ports)
    except ValueError as error:
        raise ProfileError(f"--ports: got {ports!r}: {error}") from error
    if ip not in ("4", "6"):
        raise ProfileError(f"--ip: got {ip!r}: want 4 or 6")
    return Asked(
        command=command,
        ports=PortRange(low, high),
        ip_version=int(ip),
        timeout_s=_seconds(timeout),
        stdout=stdout,
    )


def _seconds(timeout: str) -> float:
    try:
        number, unit = units.parse_duration(timeout)
    except ValueError as error:
        raise ProfileError(f"--timeout: got {timeout!r}: want a time such as 10m") from error
    if unit != "s" or not 0 < number <= _LONGEST_S:
        raise ProfileError(f"--timeout: got {timeout!r}: want a time above zero, 24h at the most")
    return number


def _run(asked: "Asked") -> "Audited":
    import asyncio

    from tw_bench import audit
    from tw_bench.lab.lab import keeper
    from tw_bench.plan.host_facts import read_host_facts

    with keeper(isolated=True) as link:
        return asyncio.run(audit.audit(link, asked, read_host_facts()))


def _show(audited: "Audited", *, as_json: bool) -> None:
    from rich.console import Console

    from tw_bench.report.audit_text import audit_json, show_audit

    if as_json:
        print(audit_json(audited), file=stdout(), flush=True)
        return
    errors = cast("TextIO", EnduringOutput(sys.stderr))
    show_audit(Console(file=errors, highlight=False), audited)
