"""What a process in a lab sees of itself: its number in /proc, and the user it is. No policy."""

import ctypes
import os
from pathlib import Path

from tw_bench.kernel import namespaces

# Linux: include/uapi/linux/sched.h and mount.h
_CLONE_NEWNS = 0x00020000
_MS_REC_PRIVATE = 0x4000 | 0x40000

_libc = ctypes.CDLL(None, use_errno=True)


def mount_own_proc() -> None:
    """Mount the /proc of the pid namespace the caller is in, for the caller and its children.

    Without it /proc shows the numbers of the host, and /proc/PID is somebody else.

    Raises:
        OSError: refused, as in a container whose own /proc is partly covered.
    """
    namespaces.unshare(_CLONE_NEWNS)
    _mount(b"none", b"/", None, _MS_REC_PRIVATE)
    _mount(b"proc", b"/proc", b"proc", 0)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    if _libc.mount(source, target, kind, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "mount")


def become_user(uid: int, gid: int) -> None:
    """Enter a user namespace in which root of this one has an ordinary user's numbers again.

    Programs that refuse to run as root look at nothing else. The rights of root are gone with
    the next execve(2) (capabilities(7)).

    Raises:
        OSError: refused.
    """
    namespaces.unshare(namespaces.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} 0 1"),
        ("gid_map", f"{gid} 0 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)
