"""A rival: connects in a batch, then receives of the batch, all of them blocking calls.

`batch.py ADDRESS PORT CONCURRENCY SECONDS` prints connections a second. While the last of a batch
are being started the first are answered, so hardly a call has to wait.
"""

import socket
import sys
import time


def main() -> None:
    """Connect, ask and read to the end, a batch after the other."""
    address, port, concurrency, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    request = b"GET / HTTP/1.1\r\nHost: rival\r\n\r\n"
    done, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        batch = []
        for _ in range(concurrency):
            connection = socket.socket()
            connection.connect((address, port))
            connection.send(request)
            batch.append(connection)
        for connection in batch:
            while connection.recv(4_096):
                pass
            connection.close()
        done += concurrency
    print(f"{done / (time.monotonic() - begun):.1f}")


if __name__ == "__main__":
    main()
