"""Namespaces: a thin function a system call. Each raises OSError; none decides anything."""

import ctypes
import os
import signal

# Linux: include/uapi/linux/sched.h (os.unshare and os.setns come with Python 3.12 only)
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# Linux: include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), call)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones (unshare(2))."""
    _check(_libc.unshare(flags), "unshare")


def enter_network(descriptor: int) -> None:
    """Move the calling thread into a network namespace (setns(2))."""
    _check(_libc.setns(descriptor, CLONE_NEWNET), "setns")


def become_root_of_user_namespace(uid: int, gid: int) -> None:
    """Map the caller's own ids to root inside its new user namespace (user_namespaces(7)).

    An unprivileged process may map one id, its own, and only once it has given up setgroups().
    """
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {uid} 1"),
        ("gid_map", f"0 {gid} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"/proc/self/{name}") from error
        finally:
            os.close(descriptor)


def new_network() -> int:
    """Make a network namespace, move into it, and return a descriptor that keeps it alive."""
    unshare(CLONE_NEWNET)
    return own_network()


def own_network() -> int:
    """Return a descriptor of the network namespace that the caller is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def die_with_parent() -> None:
    """Have the kernel kill the caller when the thread that made it ends (PR_SET_PDEATHSIG)."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
