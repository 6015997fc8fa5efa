"""Somebody who listens on ports of the client's range: connect() skips a port that is bound."""

import signal
import socket
import sys

from tw_bench.kernel.host import raise_open_files_limit


def main() -> None:
    """Run as `python -m tw_bench.lab.port_holder FIRST LAST`; listen until SIGTERM."""
    raise_open_files_limit()
    first, last = map(int, sys.argv[1:])
    try:
        listeners = [socket.create_server(("", port)) for port in range(first, last + 1)]
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.sigwait([signal.SIGTERM])
    for listener in listeners:
        listener.close()


if __name__ == "__main__":
    main()
