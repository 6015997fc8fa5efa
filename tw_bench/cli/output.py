"""Our stdout, which may go away while a run goes on: then we are silent, and go on measuring."""

import os
import sys
from collections.abc import Callable
from typing import TextIO, cast


class EnduringOutput:
    """A text file that stops writing, instead of raising, once nobody takes what it writes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush what was written, or drop it."""
        self._try(self._file.flush)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)  # isatty(), fileno(), encoding, ...

    def _try(self, action: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            action()
        except OSError:  # EPIPE, ENOSPC
            self._is_gone = True
            # What is still in the buffer is flushed at exit, and would raise again.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())
            os.close(nowhere)


def stdout() -> TextIO:
    """Return our stdout, made enduring."""
    return cast("TextIO", EnduringOutput(sys.stdout))
