"""How a verb ends: signals before, while and after the event loop has them, and first errors."""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from tw_bench.experiment import Run

Handler = Callable[[int, "FrameType | None"], object] | signal.Handlers

ENDING = (signal.SIGINT, signal.SIGTERM)


def on_signals(handler: "Handler") -> None:
    """Set what Ctrl-C and SIGTERM do while the event loop does not have them."""
    for number in ENDING:
        signal.signal(number, handler)


def attempt(step: Callable[[], object]) -> BaseException | None:
    """Return what a step raised: whatever it was, the results so far are kept and shown first."""
    try:
        step()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


async def until_done(run: "Run", early: list[int]) -> None:
    """Run to the end; a first signal ends it in order, a second one at once."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(run.run())

    def end() -> None:
        if run.was_stopped:
            running.cancel()
        else:
            run.stop()

    for number in ENDING:
        loop.add_signal_handler(number, end)
    if early:
        end()
    try:
        await running
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
