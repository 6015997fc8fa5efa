"""One measurement: a load is started, and the kernel's counters are read twice while it runs.

The measure is the same for all: what the server's kernel counted between two instants that the
generator knows nothing of, a second after each other. A generator's own figure stands beside it:
it has its start and its end in it, and its own idea of when a connection is over.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.bench.generators.catalogue import (
    CONCURRENCY,
    KEEP,
    SECONDS,
    Generator,
    Said,
    read_output,
)
from tests.bench.generators.ground import PORT, Ground
from tw_bench.errors import WorkerError

_BEGIN_S = 10.0  # the longest that a generator may take to its first connections
_WARM_S = 0.3  # from these to the window
WINDOW_S = 1.0  # as often as a worker of tw-bench hands over its rows
_GRACE_S = 0.7  # from when a generator should have ended to a SIGINT, and then to a SIGKILL

# Of the server's namespace. A connection is counted when its handshake is over. A kept
# connection sends one segment with new data for each response (tcp_event_new_data_sent,
# net/ipv4/tcp_output.c), which is short, and asked for after the one before it has come.
_CONNECTIONS = "Tcp.PassiveOpens"
_RESPONSES = "TcpExt.TCPOrigDataSent"
_TIME_WAIT = "TcpExt.TW"


@dataclass(frozen=True, slots=True)
class Window:
    """What the kernel counted in the window."""

    per_s: float  # connections, or requests where connections are kept
    generator_cpu: float  # processors
    server_cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One generator in one round."""

    round: int
    table: str
    name: str
    per_s: float  # by the server's kernel
    own_per_s: float | None  # by the generator; None: it says nothing
    errors: int  # that it reports
    generator_cpu: float
    server_cpu: float
    connections: int  # whole run, by the server's kernel
    client_time_wait: int  # that the client's kernel made of them


async def read(
    here: Ground, load: Callable[[], Awaitable[Said]], *, round: int, table: str, name: str
) -> Reading:
    """Run a load and return what became of it.

    Raises:
        WorkerError: it made no connection.
    """
    running = asyncio.ensure_future(load())
    watching = asyncio.ensure_future(_watch(here, _RESPONSES if table == KEEP else _CONNECTIONS))
    try:
        await asyncio.wait((running, watching), return_when=asyncio.FIRST_COMPLETED)
        if not watching.done():
            running.result()  # with its own words where it failed
            raise WorkerError(f"{name} ended before the window of {WINDOW_S:.0f} s did")
        window = await watching
        said = await running
    finally:
        watching.cancel()
        running.cancel()
    counters = here.lab.read_counters()
    return Reading(
        round=round,
        table=table,
        name=name,
        per_s=window.per_s,
        own_per_s=said.per_s,
        errors=said.errors,
        generator_cpu=window.generator_cpu,
        server_cpu=window.server_cpu,
        connections=counters["server"][_CONNECTIONS],
        client_time_wait=counters["client"][_TIME_WAIT],
    )


async def read_whole(
    here: Ground, load: Callable[[], Awaitable[Said]], *, round: int, table: str, name: str
) -> Reading:
    """Run workers of tw-bench and return what became of the whole run.

    Where several share two processors with their server, this process comes too late for the ends
    of a window: on Linux 6.18 it has waited for a processor for two seconds. So the connections
    are those of the whole run, by the server's kernel, and the time is the workers' own.
    """
    said = await load()
    counters = here.lab.read_counters()
    connections = counters["server"][_CONNECTIONS]
    return Reading(
        round=round,
        table=table,
        name=name,
        per_s=connections / SECONDS,
        own_per_s=said.per_s,
        errors=said.errors,
        generator_cpu=(said.cpu_s or 0.0) / SECONDS,
        server_cpu=here.cpu_s("server") / SECONDS,
        connections=connections,
        client_time_wait=counters["client"][_TIME_WAIT],
    )


async def _watch(here: Ground, counter: str) -> Window:
    """Wait until there is load, and then for the window."""
    deadline = time.monotonic() + _BEGIN_S
    while here.lab.read_counters()["server"][_CONNECTIONS] < CONCURRENCY:
        if time.monotonic() > deadline:
            raise WorkerError(f"no {CONCURRENCY} connections within {_BEGIN_S:.0f} s")
        await asyncio.sleep(0.01)
    await asyncio.sleep(_WARM_S)
    before, from_s = _now(here, counter), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    after, to_s = _now(here, counter), time.monotonic()
    if not here.runs("client"):
        raise WorkerError(f"it ended before the window of {WINDOW_S:.0f} s did: is this host busy?")
    rates = [(late - early) / (to_s - from_s) for early, late in zip(before, after, strict=True)]
    return Window(*rates)


def _now(here: Ground, counter: str) -> tuple[float, float, float]:
    count = here.lab.read_counters()["server"][counter]
    return count, here.cpu_s("client"), here.cpu_s("server")


async def run_generator(here: Ground, generator: Generator, mode: str) -> Said:
    """Run a generator against nginx and return what it says.

    Raises:
        WorkerError: it could not do what it should; with its last words.
    """
    address = here.lab.topology.side("server").ips[0]
    process = await here.spawn("client", generator.argv(mode, address, PORT))
    output = asyncio.ensure_future(process.stdout.read())
    try:
        for number, longest_s in (
            (signal.SIGINT, SECONDS + _GRACE_S),
            (signal.SIGKILL, _GRACE_S),
        ):
            await asyncio.wait((output,), timeout=longest_s)
            if not output.done():
                process.signal(number)
        text = (await output).decode(errors="replace")
        status = await process.wait()
    finally:
        output.cancel()
        process.close()
    said = read_output(generator, text)
    if said.per_s is None and status is not None and status > 0:
        words = " | ".join((process.last_words() or text).strip().splitlines()[-3:])
        raise WorkerError(f"{generator.name} (exit code {status}): {words}")
    return said
