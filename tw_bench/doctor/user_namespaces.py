"""Whether a private lab can be made here: by making one, in a child, and letting it go."""

import errno
import os
import signal

from tw_bench.kernel import host, namespaces


def refusal() -> tuple[str, str] | None:
    """Return (cause, remedy) where this host forbids user namespaces, or None.

    The same calls in the same order as the keeper of a lab (lab/keeper.py): a switch that is not
    known of yet would show here all the same.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        _try(writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        number = answer.read()
    os.waitpid(child, 0)
    if number == b"0":
        return None
    cause, remedy = host.why_no_user_namespace()
    name = errno.errorcode.get(int(number or 0), "killed")
    return f"unshare: {name}; {cause}", remedy


def _try(writing: int) -> None:
    """Say in the pipe what became of it; the child ends here, and nothing of ours runs in it."""
    try:
        uid, gid = os.getuid(), os.getgid()
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWPID)
        namespaces.become_root_of_user_namespace(uid, gid)
        namespaces.unshare(namespaces.CLONE_NEWNET)
        os.write(writing, b"0")
    except OSError as error:
        os.write(writing, str(error.errno).encode())
    finally:
        os.kill(os.getpid(), signal.SIGKILL)
