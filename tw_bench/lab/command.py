"""From a process of the keeper's to the user's own program, which finds what a shell would give it.

That is: its own session and process group (`kill 0` in a script ends no more than the script),
signals as they are by default (the keeper ignores SIGINT, Python ignores SIGPIPE), no descriptor
but its streams, a /proc that knows it, and the user who called.
"""

import contextlib
import os
import signal
import sys

from tw_bench.kernel import own_view

REPORT = 3  # descriptor: closed by a successful execve(2), or the errno of one that failed

_MOST_FILES = 1 << 20
_CHANGED = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)


def main() -> None:
    """Run as `python -m tw_bench.lab.command UID GID PROGRAM [ARGUMENT...]`."""
    uid, gid = map(int, sys.argv[1:3])
    words = sys.argv[3:]
    os.set_inheritable(REPORT, False)
    os.closerange(REPORT + 1, _MOST_FILES)
    os.setsid()
    for number in _CHANGED:
        signal.signal(number, signal.SIG_DFL)
    with contextlib.suppress(OSError):  # where it is refused, the program may still do
        own_view.mount_own_proc()
    if uid != 0:
        with contextlib.suppress(OSError):
            own_view.become_user(uid, gid)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        os.write(REPORT, str(error.errno).encode())


if __name__ == "__main__":
    main()
