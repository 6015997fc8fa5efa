"""A process somewhere in a lab: its pipes, its end, and how to ask for it. No policy."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable
from typing import Protocol

_TAIL_BYTES = 4_000
_PIPE_BYTES = 1 << 20  # room for 21,800 rows: so many a second never wait for us
_F_SETPIPE_SZ = 1031  # include/uapi/linux/fcntl.h


def python_module(name: str) -> list[str]:
    """Return the command that runs a module; -P: nothing is imported from where the user stands."""
    return [sys.executable, "-P", "-m", name]


class Process:
    """A running process, known by a pidfd: it cannot be confused with a later one."""

    def __init__(
        self,
        pidfd: int,
        stdin: int,
        stdout: asyncio.StreamReader,
        stderr: int,
        status: Callable[[], int | None],
    ) -> None:
        self.stdout = stdout
        self._pidfd = pidfd
        self._stdin = stdin
        self._stderr = stderr
        self._status = status
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(pidfd, self._on_end)

    @property
    def pidfd(self) -> int:
        """The descriptor it is known by."""
        return self._pidfd

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if not self._ended.done():
            self._ended.set_result(self._status())

    def write_line(self, text: str) -> None:
        """Write a line to the process; nothing happens when it has gone."""
        with contextlib.suppress(OSError):
            os.write(self._stdin, text.encode() + b"\n")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self) -> int | None:
        """Return the exit code once the process has ended (negative: the signal's number)."""
        status: int | None = await asyncio.shield(self._ended)
        return status

    async def stop(self, grace_s: float = 3.0) -> int | None:
        """Ask the process to end, insist after the grace, and return its exit code."""
        self.end_input()  # one that waits for a line sees the end of its input
        self.signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), grace_s)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.wait()

    def last_words(self) -> str:
        """Return the last lines it wrote to stderr."""
        size = os.fstat(self._stderr).st_size
        return os.pread(self._stderr, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(
            errors="replace"
        )

    def close(self) -> None:
        """Let go of the pipes."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.end_input()
        os.close(self._pidfd)
        os.close(self._stderr)

    def end_input(self) -> None:
        """Close its stdin, once."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1


class Spawn(Protocol):
    """Start a program on a side of a lab. The load and the targets know no more of the lab."""

    async def __call__(self, side: str, argv: list[str]) -> Process:
        """Return the running process."""
        ...


class Pipes:
    """The pipes of a process to be: ours on one end, its stdin, stdout and stderr on the other."""

    def __init__(self) -> None:
        self._theirs_in, self.stdin = os.pipe2(os.O_CLOEXEC)
        self._stdout, self._theirs_out = os.pipe2(os.O_CLOEXEC)
        self.stderr = os.memfd_create("stderr", os.MFD_CLOEXEC)  # never fills up, never blocks
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._theirs_out, _F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def theirs(self) -> list[int]:
        """The descriptors to be handed over as 0, 1 and 2."""
        return [self._theirs_in, self._theirs_out, self.stderr]

    def close(self) -> None:
        """Close both ends of all: there is no process."""
        for descriptor in (*self.theirs, self.stdin, self._stdout):
            os.close(descriptor)

    async def opened(self) -> asyncio.StreamReader:
        """Close their ends on our side and return a reader of their stdout."""
        os.close(self._theirs_in)
        os.close(self._theirs_out)
        reader = asyncio.StreamReader(limit=1 << 22)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._stdout, "rb", 0)
        )
        return reader
