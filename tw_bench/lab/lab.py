"""The living lab: starts the keeper, asks it for labs, and for processes inside them."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tw_bench.errors import HostError, LabError
from tw_bench.kernel import host, pid_namespaces, procfs, sock_diag
from tw_bench.kernel.descriptors import LONGEST_MESSAGE, receive, send
from tw_bench.kernel.process import Pipes, Process, python_module
from tw_bench.lab.topology import Topology

_FRAME_BYTES = 4_096  # of a message, around the words of a program and its environment
_ANSWER_S = 20.0


class KeeperLink:
    """Our end of the keeper: one request, one answer."""

    def __init__(self, control: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self._control = control
        self._process = process
        self._turn = threading.Lock()  # labs are built in threads

    def ask(self, request: dict[str, Any], descriptors: list[int]) -> tuple[Any, list[int]]:
        """Return the answer and the descriptors that came with it.

        Raises:
            LabError: the keeper refused, died, or did not answer.
        """
        message = json.dumps(request).encode()
        if len(message) > LONGEST_MESSAGE:
            raise LabError("lab: the environment, or the command, is longer than 128 KiB")
        try:
            with self._turn:
                send(self._control, message, descriptors)
                return self.receive()
        except OSError as error:
            raise LabError(f"the lab's keeper is gone ({error.strerror or error})") from error

    def receive(self) -> tuple[Any, list[int]]:
        """Return the next answer."""
        message, descriptors = receive(self._control)
        if not message:
            raise LabError("the lab's keeper died")
        answer = json.loads(message)
        if "error" in answer and "call" not in answer:
            raise LabError(f"lab: {answer['error']}")
        return answer, descriptors

    @property
    def pid_namespace(self) -> str:
        """The name of the namespace that every process of every lab lives in."""
        return pid_namespaces.made_for_children_of(self._process.pid)

    def close(self) -> None:
        """End the keeper, and with it every process of every lab."""
        self._control.close()
        try:
            self._process.wait(_ANSWER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def keeper(*, isolated: bool) -> Iterator[KeeperLink]:
    """Start the keeper of all labs of a run.

    Raises:
        HostError: this host forbids user namespaces; the message names the switch that does.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_ANSWER_S)
    with theirs:
        process = subprocess.Popen(
            [
                *python_module("tw_bench.lab.keeper"),
                str(theirs.fileno()),
                "isolated" if isolated else "host",
            ],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which ends its labs in order
        )
    link = KeeperLink(ours, process)
    try:
        answer, _ = link.receive()
        if "error" in answer:
            raise _no_namespaces(answer)
        yield link
    finally:
        link.close()


def _no_namespaces(answer: dict[str, Any]) -> HostError:
    cause, remedy = host.why_no_user_namespace()
    code = errno.errorcode.get(answer["errno"], answer["errno"])
    return HostError(
        f"this host forbids user namespaces ({answer['call']}: {code}; {cause}), so no private lab "
        f"can be made: {remedy}; or run without isolation: "
        "--set lab.topology=host --set connection.source_port=socket_range"
    )


class Lab:
    """One lab: where its sides are, what its counters say, and how to start a process in it."""

    def __init__(self, name: str, topology: Topology, link: KeeperLink) -> None:
        self.topology = topology
        self._name = name
        self._link = link
        _, descriptors = link.ask({"do": "build", "lab": name, **topology.to_dict()}, [])
        files = len(procfs.FILES)
        self.counters: dict[str, dict[str, int]] = {
            side.name: dict(zip(procfs.FILES, descriptors[i * files :], strict=False))
            for i, side in enumerate(topology.sides)
        }
        more = iter(descriptors[len(topology.sides) * files :])
        # Of a lab that is watched: what asks about a side's sockets; if wired: ends of each link.
        self.diagnoses = {side.name: each for side, each in zip(topology.sides, more, strict=False)}
        self.wires = list(zip(more, more, strict=True))

    @property
    def descriptors(self) -> dict[str, dict[str, int]]:
        """Side → what is read of it from outside: counters, and sock_diag where it is watched."""
        found = {side: dict(files) for side, files in self.counters.items()}
        for side, diagnosis in self.diagnoses.items():
            found[side][sock_diag.NAME] = diagnosis
        return found

    def read_counters(self) -> dict[str, dict[str, int]]:
        """Return side → counter → value, now."""
        return {side: procfs.read_counters(files) for side, files in self.counters.items()}

    async def spawn(self, side: str, argv: list[str]) -> Process:
        """Start a program on a side (kernel/process.py, Spawn)."""
        pipes = Pipes()
        try:
            pidfd, status = self._start(side, argv, dict(os.environ), pipes.theirs)
        except LabError:
            pipes.close()
            raise
        reader = await pipes.opened()
        return Process(pidfd, pipes.stdin, reader, pipes.stderr, status)

    async def run_here(
        self, side: str, argv: list[str], environment: dict[str, str], streams: Sequence[int]
    ) -> tuple[Process, int]:
        """Start the user's own program on a side, with our streams as its stdin, stdout, stderr.

        Returns once it runs (lab/command.py): its process, which has no pipes, and its pid here.

        Raises:
            OSError: there is no such program, it may not be run, or its words are too many.
        """
        if len(json.dumps([argv, environment])) > LONGEST_MESSAGE - _FRAME_BYTES:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG), argv[0])
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        words = [*python_module("tw_bench.lab.command"), str(os.getuid()), str(os.getgid()), *argv]
        try:
            pidfd, status = self._start(side, words, environment, [*streams, theirs])
            pid = pid_namespaces.pid_behind(pidfd)
            process = Process(pidfd, -1, asyncio.StreamReader(), os.memfd_create("none"), status)
        except LabError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        number = await _read_once(ours)
        if number:
            await process.wait()
            process.close()
            raise OSError(int(number), os.strerror(int(number)), argv[0])
        return process, pid

    def _start(
        self, side: str, argv: list[str], environment: dict[str, str], descriptors: list[int]
    ) -> tuple[int, Callable[[], int | None]]:
        """Return the pidfd of a new process, and how to ask for its exit code."""
        request = {
            "do": "spawn",
            "lab": self._name,
            "side": self.topology.side(side).name,
            "argv": argv,
            "environment": environment,
        }
        answer, (pidfd,) = self._link.ask(request, descriptors)
        pid = answer["pid"]

        def status() -> int | None:
            with contextlib.suppress(LabError):
                answer, _ = self._link.ask({"do": "status", "pid": pid}, [])
                return None if answer["status"] is None else int(answer["status"])
            return None

        return pidfd, status

    def close(self) -> None:
        """Take the lab down: its processes, links and namespaces."""
        with contextlib.suppress(LabError):
            self._link.ask({"do": "demolish", "lab": self._name}, [])
        files = [each for own in self.counters.values() for each in own.values()]
        ends = [end for wire in self.wires for end in wire]
        for descriptor in (*files, *self.diagnoses.values(), *ends):
            os.close(descriptor)
        self.counters.clear()
        self.diagnoses.clear()
        self.wires.clear()


async def _read_once(descriptor: int) -> bytes:
    """Return what is written to a pipe, or nothing once it is closed; closes our end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
        return os.read(descriptor, 64)
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@asynccontextmanager
async def lab(name: str, topology: Topology, link: KeeperLink) -> AsyncIterator[Lab]:
    """Bring one lab up, and take it down at the end whatever happens."""
    # In a thread, as others that share the keeper go on meanwhile.
    building = asyncio.ensure_future(asyncio.to_thread(Lab, name, topology, link))
    try:
        built = await asyncio.shield(building)
    except asyncio.CancelledError:
        (await building).close()
        raise
    try:
        yield built
    finally:
        built.close()
        await asyncio.sleep(0)
