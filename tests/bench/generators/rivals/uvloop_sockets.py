"""A rival: plain sockets with sock_connect, sock_sendall and sock_recv of uvloop.

`uvloop_sockets.py ADDRESS PORT CONCURRENCY SECONDS` prints connections a second.
"""

import asyncio
import socket
import sys
import time

import uvloop


async def call(address: str, port: int, until: float) -> int:
    """Make one connection after the other; return how many."""
    loop, count = asyncio.get_running_loop(), 0
    while time.monotonic() < until:
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, (address, port))
            await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: rival\r\n\r\n")
            while await loop.sock_recv(connection, 4_096):
                pass
        count += 1
    return count


async def main() -> None:
    """Call from so many tasks."""
    address, port, concurrency, seconds = sys.argv[1], *map(int, sys.argv[2:5])
    begun = time.monotonic()
    counts = await asyncio.gather(
        *(call(address, port, begun + seconds) for _ in range(concurrency))
    )
    print(f"{sum(counts) / (time.monotonic() - begun):.1f}")


if __name__ == "__main__":
    uvloop.run(main())
