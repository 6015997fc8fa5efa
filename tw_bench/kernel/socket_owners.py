"""Which process has a socket open: its inode, found again under /proc/*/fd. No policy.

Every descriptor of every process is looked at, so this is asked for only where there is something
to find. The descriptors of other users are hidden from a process without CAP_SYS_PTRACE (proc(5)).
"""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """A process; the name is what it calls itself, and not to be trusted."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who has which socket, and how many processes did not let us look."""

    by_inode: dict[int, Owner]
    hidden_processes: int = 0


def owners(inodes: Collection[int]) -> Owners:
    """Return the owner of each of these sockets, as far as they are to be seen.

    A socket that several processes share belongs to the one with the lowest pid: a server that
    forks is older than its children.
    """
    wanted = {f"socket:[{inode}]": inode for inode in inodes if inode}
    found: dict[int, Owner] = {}
    hidden = 0
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()) if wanted else []  # noqa: PTH208
    for pid in pids:
        try:
            held = _held(pid, wanted)
        except PermissionError:
            hidden += 1
            continue
        except OSError:  # it has ended meanwhile
            continue
        if held:
            owner = Owner(pid, _command(pid))
            for inode in held:
                found.setdefault(inode, owner)
    return Owners(by_inode=found, hidden_processes=hidden)


def _held(pid: int, wanted: dict[str, int]) -> list[int]:
    """Return which of the wanted sockets a process has."""
    held = []
    with os.scandir(f"/proc/{pid}/fd") as descriptors:
        for descriptor in descriptors:
            with suppress(FileNotFoundError):  # closed meanwhile
                inode = wanted.get(os.readlink(descriptor.path))  # noqa: PTH115
                if inode is not None:
                    held.append(inode)
    return held


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return "?"
