"""The processes of a pid namespace below ours, as we see them (pid_namespaces(7)). No policy."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path


def made_for_children_of(pid: int) -> str:
    """Return the name of the namespace that a process makes its children in: `pid:[4026532…]`."""
    return str(Path(f"/proc/{pid}/ns/pid_for_children").readlink())


def pid_behind(pidfd: int) -> int:
    """Return the number that a process of a pidfd has here; -1 once it is gone (proc(5))."""
    lines = Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def members(namespace: str) -> set[int]:
    """Return the processes that live in a namespace, by their number here.

    Also what has left its parent, its session and its group: nothing leaves a pid namespace.
    """
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return {pid for pid in numbers if _lives_in(pid, namespace)}


def signal_all(pids: Iterable[int], namespace: str, number: signal.Signals) -> None:
    """Send a signal to each that is still there, and to no later process of the same number."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if _lives_in(pid, namespace):
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def _lives_in(pid: int, namespace: str) -> bool:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink()) == namespace
    except OSError:  # it has ended, or it is another user's
        return False
