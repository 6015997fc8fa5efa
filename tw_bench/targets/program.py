"""A server of Debian's run as a target: found, configured, checked, started, watched and stopped.

Everything it writes stays in the folder of its point: its configuration, its log, its pid file.
The program runs in the lab and this module outside of it; what the program does is read from
/proc/<pid>, which shows the sockets of the network namespace that the process is in.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from tw_bench.errors import ProfileError, TargetError
from tw_bench.kernel.process import Process, Spawn
from tw_bench.profile.model import Point
from tw_bench.targets import own_configuration, process_tree
from tw_bench.targets.base import Place
from tw_bench.targets.server_log import ServerLog

_READY_S = 20.0
_POLL_S = 0.01
_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # Debian keeps servers out of a user's PATH
_LAST_LINES = 3
_COMPLAINTS = ("alert", "emerg", "error")  # in the words of HAProxy, nginx, Caddy

# All output goes to the log by O_APPEND, so that lines do not overwrite each other; descriptor 3
# is for HAProxy, which closes 1 and 2. A session of its own makes a group that can be killed:
# the workers of an nginx whose master was killed would serve on.
_RUN = 'log=$1; shift; ulimit -n "$(ulimit -H -n)"; exec setsid "$@" 3>>"$log" >>"$log" 2>&1'
_ASK = 'exec "$@" 2>&1'


class Program(ABC):
    """An installed server as a target; a subclass says which, and how it is configured."""

    program: ClassVar[str]
    package: ClassVar[str]  # of Debian
    suffix: ClassVar[str] = ".conf"
    repeats_lines: ClassVar[bool] = True  # a line of the user's file, once for each address
    harmless: ClassVar[str] = ""  # words of lines in its log that are no reason for anything

    def __init__(self, point: Point, place: Place) -> None:
        self.version = ""  # "nginx/1.22.1", once it has started
        self.point = point
        self.place = place
        self.folder = place.folder.resolve()
        # Proxy and server of a point share a folder.
        self.stem = self.program if place.upstreams else f"{self.program}-server"
        self.configuration = self.folder / f"{self.stem}{self.suffix}"
        self.own = point.proxy.config if place.upstreams else None
        self._name = f"{point.id}: {self.program} as the {place.side}"
        self._log = ServerLog(self.folder / f"{self.stem}.log", self.harmless)
        self._process: Process | None = None
        self._pid = 0

    @property
    @abstractmethod
    def version_arguments(self) -> list[str]:
        """What makes it say its version."""

    @property
    @abstractmethod
    def check_arguments(self) -> list[str]:
        """What makes it read its configuration and end."""

    @property
    @abstractmethod
    def run_arguments(self) -> list[str]:
        """What makes it serve, in the foreground."""

    @property
    def environment(self) -> dict[str, str]:
        """What it finds in its environment beside ours."""
        return {}

    @abstractmethod
    def number(self, said: str) -> str:
        """Return its version's number from what it said."""

    @abstractmethod
    def generated(self, number: str) -> str:
        """Return the configuration for that version.

        Raises:
            ProfileError: the profile asks for what this server cannot do.
        """

    def adapted(self, text: str) -> str:
        """Return the user's own configuration as it can run in a lab."""
        return text

    @abstractmethod
    def count(self, log: bytes) -> dict[str, int]:
        """Return what whole lines of its log say of upstream connections: name → count."""

    def refusals(self) -> dict[str, int]:
        """Return why it could not get an answer from upstream, by its own log: name → count.

        An errno name where the log has one (EADDRNOTAVAIL, ECONNREFUSED), words otherwise. None
        of the logs is rate limited: each is written to a file, a line for each failure.
        """
        return self._log.counts(self.count)

    def cpu_s(self) -> float:
        """Return the processor seconds that it and its children have used so far."""
        return process_tree.cpu_s(self._pid)

    async def start(self, spawn: Spawn) -> None:
        """Start it and return once it listens.

        Raises:
            TargetError: it is not installed, or did not start; with the last lines of its log.
            ProfileError: it cannot do what is asked, or does not accept the user's own file.
        """
        found = shutil.which(self.program, path=f"{os.environ.get('PATH', '')}:{_FOLDERS}")
        if found is None:
            raise TargetError(f"{self.program} is not installed: sudo apt install {self.package}")
        _, said = await self._ask(spawn, [found, *self.version_arguments])
        number = self.number(said)
        self.version = f"{self.program}/{number}"
        self._write(number)
        await self._check(spawn, found)
        run = ["/bin/sh", "-c", _RUN, "sh", str(self._log.path)]
        command = self._command(found, self.run_arguments)
        self._process = await spawn(self.place.side, [*run, *command])
        self._pid = process_tree.pid_of(self._process)
        await self._listening()

    async def watch(self) -> None:
        """Raise TargetError when it dies (an nginx that loses a worker starts another)."""
        assert self._process is not None
        await self._process.wait()
        raise await self._died("died in mid-run")

    async def stop(self) -> None:
        """End it and all that it started; its configuration and its log stay."""
        if self._process is None:
            return
        await self._process.stop()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        self._process.close()
        self._process = None

    def _write(self, number: str) -> None:
        own = self.own
        if own is None:
            text = self.generated(number)
        else:
            text = own_configuration.read(own, f"{self.point.id}: proxy.config")
            text = self.adapted(text)
            text = own_configuration.filled_in(
                text, self.place, self.point.proxy.source_ports, repeats_lines=self.repeats_lines
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(text)

    def _command(self, found: str, arguments: list[str]) -> list[str]:
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        return ["/usr/bin/env", *environment, found, *arguments]

    async def _check(self, spawn: Spawn, found: str) -> None:
        status, said = await self._ask(spawn, self._command(found, self.check_arguments))
        if status == 0:
            return
        lines = [line for line in said.splitlines() if line.strip()]
        telling = [line for line in lines if any(word in line.lower() for word in _COMPLAINTS)]
        words = " | ".join((telling or lines)[:_LAST_LINES]) or "it said nothing"
        if self.own is None:
            raise TargetError(f"{self._name} does not accept {self.configuration}: {words}")
        raise ProfileError(
            f"{self.point.id}: proxy.config: {self.program} does not accept {self.own}: {words}"
        )

    async def _ask(self, spawn: Spawn, argv: list[str]) -> tuple[int | None, str]:
        """Run a short command where the target will run; return its exit code and its output."""
        process = await spawn(self.place.side, ["/bin/sh", "-c", _ASK, "sh", *argv])
        try:
            said = await asyncio.wait_for(process.stdout.read(), _READY_S)
            return await process.wait(), said.decode(errors="replace")
        except TimeoutError:
            await process.stop()
            raise TargetError(f"{self._name}: {argv} did not end in {_READY_S:.0f} s") from None
        finally:
            process.close()

    async def _listening(self) -> None:
        """Return once all its addresses are in LISTEN."""
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        deadline = time.monotonic() + _READY_S
        try:
            while missing := process_tree.not_listening(self._pid, self.place.listen):
                if ended.done():
                    raise await self._died("did not start")
                if time.monotonic() > deadline:
                    raise TargetError(
                        f"{self._name} does not listen on {' '.join(missing)} after "
                        f"{_READY_S:.0f} s: {self._log.last_lines(_LAST_LINES)}"
                    )
                await asyncio.sleep(_POLL_S)
        finally:
            ended.cancel()

    async def _died(self, what: str) -> TargetError:
        assert self._process is not None
        status = await self._process.wait()
        how = f"killed by signal {-status}" if status and status < 0 else f"exit code {status}"
        return TargetError(f"{self._name} {what} ({how}): {self._log.last_lines(_LAST_LINES)}")


def cannot(point: Point, program: str, setting: str, why: str) -> ProfileError:
    """Return the error for a setting of `proxy` that this server has no equal for."""
    value = getattr(point.proxy, setting)
    return ProfileError(f"{point.id}: proxy.{setting}: got {str(value)!r}: {program} {why}")


def refuse_haproxy_settings(point: Point, program: str) -> None:
    """Raise ProfileError where a proxy is given what only HAProxy has."""
    for setting in ("http_reuse", "nolinger", "source_ports"):
        if getattr(point.proxy, setting) != type(point.proxy).model_fields[setting].default:
            raise cannot(point, program, setting, "has no such setting; HAProxy has")


def quoted(path: Path) -> str:
    """Return a path as one word of nginx's or Caddy's configuration."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
