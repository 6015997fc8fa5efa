"""An audit: any program as the load of a private lab, and what it did to the ports."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tw_bench.errors import CommandError, LabError, TargetError
from tw_bench.kernel import pid_namespaces
from tw_bench.kernel.process import Process, python_module
from tw_bench.lab.lab import KeeperLink, Lab, lab
from tw_bench.lab.topology import topology
from tw_bench.plan.environment import of_point
from tw_bench.plan.host_facts import HostFacts
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import PortRange
from tw_bench.profile.sections import LabSpec, TargetSpec
from tw_bench.results.audited import Audited, Ending, sum_up
from tw_bench.targets.base import Place
from tw_bench.targets.embedded import Embedded

_GRACE_S = 3.0  # from SIGTERM to SIGKILL
_PATIENCE = 2  # signals that are passed on; what comes after them is SIGKILL
_SETTLE_S = 1.0  # the longest we wait for the last connections to reach TIME_WAIT
_SETTLED_S = 0.1  # nothing has changed for so long
_STEP_S = 0.01
_ANSWER_S = 20.0
_SETTLES = ("Tcp.CurrEstab", "Tcp.PassiveOpens", "TcpExt.TW", "sockstat.TCP.orphan")

Counts = dict[str, dict[str, int]]  # side → counter → value


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be run, and in which lab."""

    command: tuple[str, ...]  # with {url}, {address} and {port} where the target's belong
    ports: PortRange
    ip_version: int  # 4 or 6
    timeout_s: float
    stdout: int  # the descriptor that its output goes to

    @property
    def point(self) -> Point:
        """The lab and the target, as a profile would ask for them."""
        return Point(
            id="audit",
            lab=LabSpec.model_validate({"ports": self.ports, "ip_version": self.ip_version}),
            target=TargetSpec(protocol="http"),
        )


async def audit(link: KeeperLink, asked: Asked, facts: HostFacts) -> Audited:
    """Run the program in a lab of its own, and return what it did.

    Raises:
        CommandError: there is no such program, or it may not be run.
        TargetError: the target died; LabError: the lab could not be made.
    """
    point = asked.point
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(lab(point.id, topology(point), link))
        listen = [(built.topology.side("server").ips[0], point.target_port)]
        place = Place(side="server", listen=listen, upstreams=[], folder=Path())
        target = Embedded(point, place)
        stack.push_async_callback(target.stop)
        await target.start(built.spawn)
        watching = asyncio.ensure_future(target.watch())
        stack.callback(watching.cancel)
        watch = await _watch(stack, built, asked.ports, listen[0][0])
        before = built.read_counters()
        program = Program(asked, built, link.pid_namespace, watch)
        ending, ended_ns = await program.run(*listen[0])
        counters = _changes(before, await _settled(built))
        if watching.done():
            raise watching.exception() or TargetError("the target is gone")
        watch.write_line(str(ended_ns))
        seen = json.loads(await _line(watch))
    return sum_up(asked.command, ending, counters, seen, of_point(point, facts))


async def _watch(stack: AsyncExitStack, built: Lab, ports: PortRange, address: str) -> Process:
    words = (str(ports.low), str(ports.high), address)
    argv = [*python_module("tw_bench.observe.connections"), *words]
    watch = await built.spawn("client", argv)
    stack.callback(watch.close)
    stack.push_async_callback(watch.stop)
    if await _line(watch) != b"ready\n":
        raise LabError(f"the connections cannot be watched: {watch.last_words().strip()}")
    return watch


async def _line(watch: Process) -> bytes:
    try:
        line = await asyncio.wait_for(watch.stdout.readline(), _ANSWER_S)
    except TimeoutError:
        line = b""
    if not line:
        raise LabError(f"the connections' watch is gone: {watch.last_words().strip()}")
    return line


class Program:
    """The user's program, from its start to the end of all that it started."""

    def __init__(self, asked: Asked, built: Lab, pid_namespace: str, watch: Process) -> None:
        self._asked = asked
        self._lab = built
        self._namespace = pid_namespace
        self._ours = pid_namespaces.members(pid_namespace)  # keeper, target, watch
        self._watch = watch
        self._signals = 0

    async def run(self, address: str, port: int) -> tuple[Ending, int]:
        """Run it to its end; return how it ended, and when (CLOCK_MONOTONIC, ns)."""
        with self._signals_passed_on():  # from before it runs: none is lost, and none ends us
            process, pid = await self._start(address, port)
            started_ns = time.monotonic_ns()
            self._watch.write_line(str(pid))
            try:
                timed_out = await self._end(process)
                ended_ns = time.monotonic_ns()
                status = await process.wait()
            finally:
                process.close()
        status = 0 if status is None else status
        ending = Ending(
            exit_code=128 - status if status < 0 else status,
            timed_out=timed_out,
            elapsed_s=(ended_ns - started_ns) / 1e9,
            processes_left=len(self._members()),
        )
        return ending, ended_ns

    async def _start(self, address: str, port: int) -> tuple[Process, int]:
        host = f"[{address}]" if ":" in address else address
        words = {"url": f"http://{host}:{port}/", "address": address, "port": str(port)}
        command = [_filled(word, words) for word in self._asked.command]
        streams = (0, self._asked.stdout, 2)
        try:
            return await self._lab.run_here("client", command, _environment(words), streams)
        except OSError as error:
            raise _not_started(error) from error

    async def _end(self, process: Process) -> bool:
        """Wait for the end, or bring it about; return whether the time was up."""
        try:
            await asyncio.wait_for(process.wait(), self._asked.timeout_s)
            return False
        except TimeoutError:
            pass
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        while self._members() and time.monotonic() < deadline:  # noqa: ASYNC110 (no event says it)
            await asyncio.sleep(_STEP_S)
        self._send(signal.SIGKILL)
        await process.wait()
        return True

    def _members(self) -> set[int]:
        return pid_namespaces.members(self._namespace) - self._ours

    def _send(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it started, as a terminal would."""
        pid_namespaces.signal_all(self._members(), self._namespace, number)

    def _signals_passed_on(self) -> contextlib.ExitStack:
        loop = asyncio.get_running_loop()
        stack = contextlib.ExitStack()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._pass_on, number)
            stack.callback(loop.remove_signal_handler, number)
        return stack

    def _pass_on(self, number: signal.Signals) -> None:
        self._signals += 1
        self._send(number if self._signals <= _PATIENCE else signal.SIGKILL)


def _filled(word: str, words: Mapping[str, str]) -> str:
    """Return a word of the command; no other brace means anything.

    >>> _filled("{url}a?b={c}", {"url": "http://198.19.0.1:80/"})
    'http://198.19.0.1:80/a?b={c}'
    """
    for name, value in words.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _environment(words: Mapping[str, str]) -> dict[str, str]:
    """Return our environment, with the target in it, and no proxy in front of the target."""
    environment = dict(os.environ)
    environment |= {f"TW_BENCH_{name.upper()}": value for name, value in words.items()}
    for name in ("no_proxy", "NO_PROXY"):
        environment[name] = ",".join(filter(None, (os.environ.get(name), words["address"])))
    return environment


def _not_started(error: OSError) -> CommandError:
    if isinstance(error, FileNotFoundError):
        return CommandError(f"{error.filename}: there is no such program")
    return CommandError(f"{error.filename}: {error.strerror}", 126)


async def _settled(built: Lab) -> Counts:
    """Return the counters once the last connections have reached their final state."""
    deadline = time.monotonic() + _SETTLE_S
    last = built.read_counters()
    since = time.monotonic()
    while (now := time.monotonic()) < deadline and now - since < _SETTLED_S:
        await asyncio.sleep(_STEP_S)
        counters = built.read_counters()
        if any(last[side][name] != counters[side][name] for side in last for name in _SETTLES):
            since = now
        last = counters
    return last


def _changes(before: Counts, after: Counts) -> dict[str, Counter[str]]:
    """Return what each counter has moved by; a counter that this kernel lacks is 0."""
    return {
        side: Counter({name: value - before[side].get(name, 0) for name, value in values.items()})
        for side, values in after.items()
    }
