"""What every target can do: start in a lab, say when it listens, and stop."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tw_bench.errors import TargetError
from tw_bench.kernel.process import Process, Spawn

_READY_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a target stands in a lab, and where it may write."""

    side: str  # server or proxy
    listen: list[tuple[str, int]]  # addresses and ports
    upstreams: list[tuple[str, int]]  # what a proxy forwards to; empty for a server
    source: str = ""  # a proxy's own address towards these; empty: any
    folder: Path  # of the run and point: its configuration and its logs are kept here


class Target(Protocol):
    """Something that listens in a lab."""

    async def start(self, spawn: Spawn) -> None:
        """Start it and return once it listens; TargetError with its last words otherwise."""
        ...

    async def watch(self) -> None:
        """Return never, or raise TargetError when it dies."""
        ...

    async def stop(self) -> None:
        """End it."""
        ...


class Proxy(Target, Protocol):
    """A target that forwards to another one, and keeps a log of what it could not."""

    version: str  # "nginx/1.22.1"; once it has started

    def refusals(self) -> dict[str, int]:
        """Return why it could not open connections, by its own log: errno name → count."""
        ...

    def cpu_s(self) -> float:
        """Return the processor seconds that it and its children have used so far."""
        ...


async def wait_ready(process: Process, what: str) -> None:
    """Return once the process has written its `ready` line.

    Raises:
        TargetError: it ended or kept silent; with its last words.
    """
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _READY_S)
    except TimeoutError:
        raise TargetError(f"{what} did not get ready within {_READY_S:.0f} s") from None
    if line.strip() != b"ready":
        raise await died(process, f"{what} did not start")


async def died(process: Process, what: str) -> TargetError:
    """Return the error for a target that ended, with its exit code and last words."""
    status = await process.wait()
    how = f"killed by signal {-status}" if status and status < 0 else f"exit code {status}"
    words = " | ".join(process.last_words().strip().splitlines()[-3:]) or "it said nothing"
    return TargetError(f"{what} ({how}): {words}")
