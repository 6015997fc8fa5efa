"""How many descriptors processes have, of how many they may have.

Cheap, and without privilege: /proc/PID/limits is for all to read, and since Linux 6.2 the size of
the folder /proc/PID/fd is the number of its entries (f1f1f2569901), which needs no look inside.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tw_bench.kernel.socket_owners import Owner

HIGH = 70.0  # percent
_FEW = 64  # descriptors; a process with fewer is looked at only when it is asked for
_SOCKETS = 10  # a process with fewer is somebody else's trouble
_SOFT_AND_HARD = re.compile(r"^Max open files\s+(\d+)\s+(\d+|unlimited)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """One process against its own limit."""

    owner: Owner
    open: int
    soft: int
    hard: int | None  # None: unlimited

    @property
    def percent(self) -> float:
        """Of the soft limit."""
        return 100 * self.open / max(1, self.soft)


def descriptors(asked: Collection[int]) -> list[Descriptors]:
    """Return the processes asked for, and all with many descriptors, the fullest first.

    One that is nearly full but has no sockets to speak of, or those of another network namespace,
    is left out.
    """
    found = []
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):  # noqa: PTH208
        if pid == os.getpid():
            continue
        with suppress(OSError):  # it has ended, or it is somebody else's on an older kernel
            count = _count(pid, is_asked=pid in asked)
            if count < _FEW and pid not in asked:
                continue
            one = _read(pid, count)
            if one and (one.percent < HIGH or pid in asked or _has_sockets(pid)):
                found.append(one)
    return sorted(found, key=lambda each: (-each.percent, each.owner))


def _count(pid: int, *, is_asked: bool) -> int:
    """Return how many a process has; 0 where that is dear to find out and nobody asked."""
    folder = f"/proc/{pid}/fd"
    count = os.stat(folder).st_size  # noqa: PTH116
    return len(os.listdir(folder)) if not count and is_asked else count  # noqa: PTH208


def _read(pid: int, count: int) -> Descriptors | None:
    process = Path("/proc", str(pid))
    match = _SOFT_AND_HARD.search((process / "limits").read_text())
    if match is None:
        return None
    hard = None if match[2] == "unlimited" else int(match[2])
    name = (process / "comm").read_text(errors="replace").rstrip("\n")
    return Descriptors(owner=Owner(pid, name), open=count, soft=int(match[1]), hard=hard)


def _has_sockets(pid: int) -> bool:
    """Return whether a process has sockets here; one that hides its own may have."""
    try:
        if os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"):  # noqa: PTH115
            return False
        return sum(1 for _ in _sockets(pid)) >= _SOCKETS
    except PermissionError:
        return True


def _sockets(pid: int) -> Iterator[str]:
    with os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # closed meanwhile
                target = os.readlink(entry.path)  # noqa: PTH115
                if target.startswith("socket:"):
                    yield target
