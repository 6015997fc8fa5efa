"""A load worker's process: a WorkerSpec as JSON on its command line, rows on its stdout.

It says `ready`, waits for a start instant on stdin, runs, and hands over a frame a second: a line
of JSON and the rows it announces. Standard library and uvloop only, but for the HTTP library that
a client is made of, imported when that client is asked for: it must start fast.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import uvloop

from tw_bench.kernel.host import raise_open_files_limit
from tw_bench.load.backoff import Backoff
from tw_bench.load.loop import Loop
from tw_bench.load.recorder import Recorder
from tw_bench.load.schedule import NS_PER_S, constant

if TYPE_CHECKING:
    from tw_bench.load.clients.base import Client

CLIENTS = {  # kind of client → module and class
    "tcp": "tw_bench.load.clients.raw_tcp:RawTcp",
    "http": "tw_bench.load.clients.raw_http:RawHttp",
    "aiohttp": "tw_bench.load.clients.aiohttp_client:AiohttpClient",
    "httpx": "tw_bench.load.clients.httpx_client:HttpxClient",
}

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Frames:
    """Writes frames to stdout: what the worker measured, and what it used for it."""

    def __init__(self) -> None:
        self.cpu_before_ns = 0  # spent on starting, before there was any load
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def write(self, rows: int, data: bytes, **more: object) -> None:
        """Write one frame."""
        resident = int(os.pread(self._statm, 100, 0).split()[1]) * _PAGE_BYTES
        head = {
            "rows": rows,
            "at_ns": time.monotonic_ns(),
            "cpu_ns": time.process_time_ns() - self.cpu_before_ns,
            "memory_bytes": resident,
            **more,
        }
        frame = memoryview(json.dumps(head).encode() + b"\n" + data)
        while frame:
            frame = frame[os.write(1, frame) :]


async def run(spec: dict[str, Any]) -> None:
    """Run the load that the spec describes."""
    frames = Frames()
    recorder = Recorder(frames.write)
    make_client: Callable[[dict[str, Any]], Client] = resolve_name(CLIENTS[spec["client"]])
    client = filler = make_client(spec)
    if spec["fill_source_port"] != spec["source_port"]:
        filler = make_client({**spec, "source_port": spec["fill_source_port"]})
    loop = Loop(
        filler,
        recorder,
        Backoff(spec["hold_s"]),
        max_in_flight=spec["max_in_flight"],
        think_time_s=spec["think_time_s"],
    )
    events = asyncio.get_running_loop()
    events.add_signal_handler(signal.SIGTERM, setattr, loop, "is_stopped", True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    start = await asyncio.to_thread(sys.stdin.readline)
    if not start.strip():
        return
    start_ns = int(start)
    until_ns = start_ns + round(spec["duration_s"] * NS_PER_S)
    fill_ends_s = (start_ns - time.monotonic_ns()) / NS_PER_S + spec["fill_s"]
    events.call_later(fill_ends_s, setattr, loop, "client", client)
    gc.freeze()
    frames.cpu_before_ns = time.process_time_ns()
    flusher = asyncio.ensure_future(_flush_every_second(recorder, start_ns))
    try:
        await _load(loop, spec, start_ns, until_ns)
    finally:
        flusher.cancel()
        await client.close()
        await filler.close()
        recorder.flush()
    # Only now: a worker that failed ends without it, and is seen to have failed.
    clients = {id(each): each for each in (client, filler)}.values()
    frames.write(0, b"", end=True, closed_early=sum(each.closed_early for each in clients))


async def _load(loop: Loop, spec: dict[str, Any], start_ns: int, until_ns: int) -> None:
    share, shares = spec["share"], spec["shares"]
    if spec["rate_per_s"] is not None:
        await loop.open(
            constant(spec["rate_per_s"], start_ns, until_ns, share=share, shares=shares)
        )
    else:
        own = range(share, spec["closed_loop"], shares)
        await asyncio.gather(*(loop.closed(start_ns, until_ns) for _ in own))


async def _flush_every_second(recorder: Recorder, start_ns: int) -> None:
    second = 1
    while True:
        await asyncio.sleep((start_ns + second * NS_PER_S - time.monotonic_ns()) / NS_PER_S)
        recorder.flush()
        second += 1


def main() -> None:
    """Run as `python -m tw_bench.load.worker SPEC_JSON`."""
    raise_open_files_limit()
    try:
        uvloop.run(run(json.loads(sys.argv[1])))
    except BrokenPipeError:
        sys.exit(1)  # whoever asked has gone


if __name__ == "__main__":
    main()
