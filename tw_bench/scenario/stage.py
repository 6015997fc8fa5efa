"""The stage of a scenario: its lab, an actor on each side, and the witness between them."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tw_bench.errors import LabError
from tw_bench.kernel.process import Process, python_module
from tw_bench.lab.lab import KeeperLink, Lab, lab
from tw_bench.lab.topology import Topology

if TYPE_CHECKING:
    from tw_bench.scenario.sockets import Connection

_ANSWER_S = 10.0  # beyond what a step may take by itself

Answer = dict[str, Any]
OnSample = Callable[[int, dict[str, list[int]]], None]


class Stage:
    """What the verbs act on."""

    def __init__(self, name: str, topology: Topology, delay_ns: int) -> None:
        self.topology = topology
        self.connections: dict[str, list[Connection]] = {}  # name → four-tuples of its sockets
        self.homes: dict[str, str] = {}  # name → the side of its sockets
        self.answers: dict[str, Answer] = {}  # name → what was done last with it
        self.begun_ns = 0
        self._name = name
        self._delay_ns = delay_ns
        self._actors: dict[str, Process] = {}
        self._turns = {side.name: asyncio.Lock() for side in topology.sides}
        self._lab: Lab | None = None
        self._witness: asyncio.subprocess.Process | None = None
        self._before: dict[str, dict[str, int]] = {}
        self._asked: asyncio.Queue[Any] = asyncio.Queue()

    async def open(
        self, stack: AsyncExitStack, link: KeeperLink, capture: Path, on_sample: OnSample
    ) -> None:
        """Build the lab and start who is in it.

        Raises:
            LabError: it cannot be built.
        """
        self._lab = await stack.enter_async_context(lab(self._name, self.topology, link))
        await self._start_witness(stack, capture, on_sample)
        for side in self.topology.sides:
            await self._start_actor(side.name)
        stack.push_async_callback(self._end_actors)
        self._before = self._lab.read_counters()
        self.begun_ns = time.monotonic_ns()

    @property
    def elapsed_s(self) -> float:
        """Since the scenario began."""
        return (time.monotonic_ns() - self.begun_ns) / 1e9

    def address(self, side: str, number: int = 1) -> str:
        """Return an address of a side; of the nat, towards the client."""
        return self.topology.side(side).ips[number - 1]

    def connection(self, name: str) -> "tuple[str, Connection]":
        """Return the side and the four-tuple of a name's first socket.

        Raises:
            LabError: it has none, as connect() or accept() had failed.
        """
        for connection in self.connections[name]:
            return self.homes[name], connection
        raise LabError(f"{self._name}: {name} is no connection: connect() or accept() had failed")

    def counter(self, side: str, name: str) -> int:
        """Return how much a counter has changed since the start; sockstat: what it is now.

        Of several, joined by +, it is the sum of those that this kernel has.

        Raises:
            LabError: the kernel has none of that name.
        """
        assert self._lab is not None
        now, before = self._lab.read_counters()[side], self._before[side]
        known = [each for each in name.split("+") if each in now]
        if not known:
            raise LabError(f"{self._name}: this kernel has no counter {name}")
        return sum(now[e] - (0 if e.startswith("sockstat.") else before[e]) for e in known)

    async def act(self, side: str, do: str, lasts_s: float = 0.0, /, **asked: Any) -> Answer:
        """Have a side's actor do something that may last so long; return what came of it.

        Raises:
            LabError: the actor is gone, or did not answer, or could not do it.
        """
        async with self._turns[side]:
            actor = self._actors[side]
            actor.write_line(json.dumps({"do": do, **asked}))
            try:
                line = await asyncio.wait_for(actor.stdout.readline(), lasts_s + _ANSWER_S)
            except TimeoutError:
                line = b""
        if not line:
            words = actor.last_words().strip().rpartition("\n")[2]
            raise LabError(f"{self._name}: the {side}'s process is gone: {words or do}")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise LabError(f"{self._name}: {side}: {do}: {answer['error']}")
        return answer

    async def ask(self, do: str, **asked: Any) -> Any:
        """Ask the witness (witness.py, answer_*).

        Raises:
            LabError: it is gone, or did not answer.
        """
        assert self._witness is not None
        assert self._witness.stdin is not None
        self._witness.stdin.write(json.dumps({"do": do, **asked}).encode() + b"\n")
        try:
            answer = await asyncio.wait_for(self._asked.get(), _ANSWER_S)
        except TimeoutError:
            answer = LabError
        if answer is LabError:
            raise LabError(f"{self._name}: the witness is gone (asked: {do})")
        return answer

    async def kill(self, side: str) -> None:
        """Kill a side's process, as kill -9 does, and start a new one."""
        await self._end_actor(side)
        await self._start_actor(side)

    async def _start_actor(self, side: str) -> None:
        assert self._lab is not None
        actor = await self._lab.spawn(side, python_module("tw_bench.scenario.actor"))
        self._actors[side] = actor
        if await actor.stdout.readline() != b"ready\n":
            raise LabError(f"{self._name}: {side}: {actor.last_words().strip()}")

    async def _end_actor(self, side: str) -> None:
        actor = self._actors.pop(side)
        await actor.stop(grace_s=0)
        actor.close()

    async def _end_actors(self) -> None:
        for side in list(self._actors):
            await self._end_actor(side)

    async def _start_witness(
        self, stack: AsyncExitStack, capture: Path, on_sample: OnSample
    ) -> None:
        assert self._lab is not None
        built = self._lab
        names = [side.name for side in self.topology.sides]
        spec = {
            "sides": {
                name: {"diagnosis": built.diagnoses[name], "counters": built.counters[name]}
                for name in names
            },
            "links": [
                [near, far, *ends]
                for near, far, ends in zip(names, names[1:], built.wires, strict=False)
            ],
            "delay_ns": self._delay_ns,
            "capture": str(capture) if built.wires else os.devnull,
        }
        files = [each for own in built.counters.values() for each in own.values()]
        ends = [end for wire in built.wires for end in wire]
        self._witness = await asyncio.create_subprocess_exec(
            *python_module("tw_bench.scenario.witness"),
            json.dumps(spec),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[*files, *built.diagnoses.values(), *ends],
            start_new_session=True,
            limit=1 << 24,
        )
        stack.push_async_callback(self._end_witness)
        assert self._witness.stdout is not None
        if not await self._witness.stdout.readline():
            raise LabError(f"{self._name}: the witness did not start")
        listening = asyncio.ensure_future(self._listen(self._witness.stdout, on_sample))
        stack.callback(listening.cancel)

    async def _listen(self, stdout: asyncio.StreamReader, on_sample: OnSample) -> None:
        async for line in stdout:
            message = json.loads(line)
            if "sample" in message:
                on_sample(message["at_ns"], message["sample"])
            else:
                self._asked.put_nowait(message["answer"])
        self._asked.put_nowait(LabError)

    async def _end_witness(self) -> None:
        assert self._witness is not None
        if self._witness.returncode is None:
            self._witness.kill()
        await self._witness.wait()
