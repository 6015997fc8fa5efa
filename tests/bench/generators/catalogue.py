"""The generators of the table, as data: how each is called, and how its output is read."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONCURRENCY = 64
SECONDS = 2  # each runs for so long: whole seconds, because wrk and ab count no others

CLOSE, KEEP = "close", "keep"  # a connection for each request; connections that are kept

_RIVALS = Path(__file__).parent / "rivals"
_FLOOR = Path(__file__).parent / "floor.c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A program that makes the load. Its words may have {url}, {address}, {port} in them."""

    name: str
    program: str
    package: str  # of Debian
    arguments: dict[str, str]  # CLOSE, KEEP → words after the program; a mode may be missing
    rate: str  # a pattern: what it says of its own rate, per second
    errors: str = ""  # a pattern: counts of what went wrong, in its groups; may match often
    note: str = ""

    def argv(self, mode: str, address: str, port: int) -> list[str]:
        """Return the command for a mode, CLOSE or KEEP."""
        words = self.arguments[mode].format(
            url=f"http://{address}:{port}/", address=address, port=port
        )
        return [self.program, *words.split()]


@dataclass(frozen=True, slots=True)
class Said:
    """What a generator says of itself; None: nothing."""

    per_s: float | None
    errors: int
    cpu_s: float | None = None  # since the load began; tw-bench's workers say it


def read_output(generator: Generator, text: str) -> Said:
    """Return what a generator's output says."""
    rate = re.search(generator.rate, text)
    errors = sum(
        int(count)
        for match in (re.finditer(generator.errors, text) if generator.errors else ())
        for count in match.groups()
        if count
    )
    return Said(float(rate[1]) if rate else None, errors)


_PLAIN = r"^([\d.]+)$"  # the floor and the rivals print their rate and no more

GENERATORS = (
    Generator(
        name="wrk",
        program="wrk",
        package="wrk",
        arguments=dict.fromkeys((CLOSE, KEEP), f"-t1 -c{CONCURRENCY} -d{SECONDS}s {{url}}"),
        rate=r"Requests/sec:\s+([\d.]+)",
        errors=r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)"
        r"|Non-2xx or 3xx responses: (\d+)",
        note="closes at the end of the response, before the FIN has come where that is later",
    ),
    Generator(
        name="ab",
        program="ab",
        package="apache2-utils",
        arguments={
            # -n after -t, which sets it to 50,000.
            CLOSE: f"-q -t {SECONDS} -n 100000000 -c {CONCURRENCY} {{url}}",
            KEEP: f"-q -k -t {SECONDS} -n 100000000 -c {CONCURRENCY} {{url}}",
        },
        rate=r"Requests per second:\s+([\d.]+)",
        errors=r"(?:Failed requests|Write errors|Non-2xx responses):\s+(\d+)",
        note="HTTP/1.0: reads to the server's FIN; with -k HTTP/1.0 and Connection: Keep-Alive",
    ),
    Generator(
        name="hey",
        program="hey",
        package="hey",
        arguments={
            CLOSE: f"-z {SECONDS}s -c {CONCURRENCY} -cpus 1 -disable-keepalive {{url}}",
            KEEP: f"-z {SECONDS}s -c {CONCURRENCY} -cpus 1 {{url}}",
        },
        rate=r"Requests/sec:\s+([\d.]+)",
        errors=r"\[[1345]\d\d\]\s+(\d+) responses|(?m:^\s+\[(\d+)\]\s+\w+ \")",
        note="sends Connection: close",
    ),
    Generator(
        name="h2load",
        program="h2load",
        package="nghttp2-client",
        arguments=dict.fromkeys((CLOSE, KEEP), f"--h1 -t1 -c{CONCURRENCY} -D{SECONDS} {{url}}"),
        rate=r"finished in [^,]+, ([\d.]+) req/s",
        errors=r"(\d+) failed",
        note="connects again when the server has closed, but then never ends: it is killed, and "
        "says nothing of itself",
    ),
    Generator(
        name="httperf",
        program="httperf",
        package="httperf",
        arguments={
            # 64 sessions without an end: its closed loop. With HTTP/1.1 it sends the next request
            # into a connection that the server is closing.
            CLOSE: "--server {address} --port {port} --hog --http-version=1.0 --rate=10000 "
            f"--wsess={CONCURRENCY},1000000,0",
            KEEP: "--server {address} --port {port} --hog --rate=10000 "
            f"--wsess={CONCURRENCY},1000000,0",
        },
        rate=r"Request rate: ([\d.]+) req/s",
        errors=r"Errors: total (\d+)",
        note="64 sessions, ended by SIGINT; HTTP/1.0 where the server closes",
    ),
    *(
        Generator(
            name=name,
            program=sys.executable,
            package="python3",
            arguments={CLOSE: f"{_RIVALS / file} {{address}} {{port}} {CONCURRENCY} {SECONDS}"},
            rate=_PLAIN,
            note=note,
        )
        for name, file, note in (
            ("Python, a batch", "batch.py", "64 connects, then their receives; nothing recorded"),
            ("Python, epoll", "own_epoll.py", "the floor's loop; nothing recorded"),
            ("uvloop, Protocol", "uvloop_protocol.py", "asyncio; nothing recorded"),
            ("uvloop, sock_*", "uvloop_sockets.py", "asyncio; nothing recorded"),
        )
    ),
)


def installed(folder: Path) -> tuple[list[Generator], list[str]]:
    """Return the generators that can run here, and a line for each that cannot.

    The floor is compiled into `folder`, a temporary one.
    """
    here, missing = [], []
    for generator in GENERATORS:
        if shutil.which(generator.program):
            here.append(generator)
        else:
            missing.append(_wanted(generator.name, generator.package))
    if shutil.which("gcc") is None:
        return here, [*missing, _wanted("the floor (gcc)", "gcc libc6-dev")]
    floor = _floor(folder)
    if floor is None:
        line = "the floor was not compiled, its row is left out: sudo apt install libc6-dev"
        return here, [*missing, line]
    return [floor, *here], missing


def _wanted(what: str, package: str) -> str:
    return f"{what} is not installed, its row is left out: sudo apt install {package}"


def _floor(folder: Path) -> Generator | None:
    """Return the floor; None where gcc does not compile it: its own words say why."""
    program = folder / "floor"
    command = ["gcc", "-O2", "-o", str(program), str(_FLOOR)]
    if subprocess.run(command).returncode:
        return None
    words = f"{{address}} {{port}} {CONCURRENCY} {SECONDS}"
    return Generator(
        name="C, epoll",
        program=str(program),
        package="gcc",
        arguments={mode: f"{words} {mode}" for mode in (CLOSE, KEEP)},
        rate=_PLAIN,
        note="the floor: reads to the server's FIN, parses nothing, records nothing",
    )


def package_version(package: str) -> str:
    """Return the version of an installed Debian package; empty where dpkg does not know it."""
    if shutil.which("dpkg-query") is None:
        return ""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(command, capture_output=True, text=True).stdout
