"""A rival: the floor (floor.c) in Python, on select.epoll.

`own_epoll.py ADDRESS PORT CONCURRENCY SECONDS` prints connections a second.
"""

import contextlib
import select
import socket
import sys
import time

_WANTED = select.EPOLLIN | select.EPOLLRDHUP


def main() -> None:
    """Start a connection for each that ended."""
    address, port, concurrency, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    request = b"GET / HTTP/1.1\r\nHost: rival\r\n\r\n"
    epoll, open_now = select.epoll(), dict[int, socket.socket]()

    def begin() -> None:
        connection = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            connection.connect((address, port))
        connection.send(request)  # on a local link the handshake is over when connect returns
        open_now[connection.fileno()] = connection
        epoll.register(connection.fileno(), _WANTED)

    done, begun = 0, time.monotonic()
    for _ in range(concurrency):
        begin()
    while time.monotonic() < begun + seconds:
        for descriptor, events in epoll.poll(1):
            connection = open_now[descriptor]
            if connection.recv(4_096) and not events & select.EPOLLRDHUP:
                continue
            connection.close()
            done += 1
            begin()
    print(f"{done / (time.monotonic() - begun):.1f}")


if __name__ == "__main__":
    main()
