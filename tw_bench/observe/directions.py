"""TIME_WAIT of a proxy by direction: towards its clients, and towards its targets.

Run inside the proxy's namespace, once; prints a line of JSON. Its counters cannot tell the two
apart, the ports can.
"""

import json
import socket
import sys

from tw_bench.kernel import sock_diag


def main() -> None:
    """Run as `python -m tw_bench.observe.directions LISTENING_PORT`."""
    listening = int(sys.argv[1])
    counts = {"client": 0, "server": 0}
    for family in (socket.AF_INET, socket.AF_INET6):
        answer = sock_diag.dump(sock_diag.TIME_WAIT, family)
        for run in sock_diag.time_waits(answer.datagrams):
            for port, _ in run:
                counts["client" if port == listening else "server"] += 1
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
