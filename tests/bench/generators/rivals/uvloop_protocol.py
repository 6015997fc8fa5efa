"""A rival: an asyncio Protocol for each connection, on uvloop.

`uvloop_protocol.py ADDRESS PORT CONCURRENCY SECONDS` prints connections a second.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop


class Call(asyncio.Protocol):
    """One connection: asks when it is made, and is done when the server has closed it."""

    def __init__(self) -> None:
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast(asyncio.Transport, transport).write(b"GET / HTTP/1.1\r\nHost: rival\r\n\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        """Say that it has ended; the transport closes at the server's FIN."""
        self.done.set_result(None)


async def call(address: str, port: int, until: float) -> int:
    """Make one connection after the other; return how many."""
    loop, count = asyncio.get_running_loop(), 0
    while time.monotonic() < until:
        _, protocol = await loop.create_connection(Call, address, port)
        await protocol.done
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
