"""How one connection is made: what every client gives the loop."""

from typing import ClassVar, NamedTuple, Protocol


class Transaction(NamedTuple):
    """What one connection came to."""

    connect_call_ns: int  # spent inside connect(2); 0: it never came to that
    connected_ns: int  # when it was established, CLOCK_MONOTONIC; 0: never
    outcome: int  # results/outcomes.py
    refused: bool  # the kernel had no port or descriptor to give


class Client(Protocol):
    """One way of making connections."""

    needs_asyncio: ClassVar[bool]  # False: it waits in turns of its own (load/turns.py)
    closed_early: int  # kept connections that were closed before their last request

    async def transact(self) -> Transaction:
        """Open a connection, send a request, read the response, close. Never raises OSError."""
        ...

    def end_fill(self) -> None:
        """Take note that the fill is over: source ports are the profile's own from now on."""
        ...

    async def close(self) -> None:
        """Close what is kept open between transactions."""
        ...
