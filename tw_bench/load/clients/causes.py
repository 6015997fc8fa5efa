"""The errno behind an exception, at any depth.

An HTTP library wraps what the kernel said: aiohttp once, httpx three times (httpx.ConnectError,
from httpcore.ConnectError, from OSError without an errno, from the OSError that has it). So the
whole chain is looked through: __cause__, __context__ and the members of exception groups.
"""

import errno
from collections import deque
from collections.abc import Iterator

from tw_bench.results.outcomes import TIMEOUT

# Raised by libraries without a number: aiohttp.ClientConnectionResetError is one.
_NUMBERS: tuple[tuple[type[OSError], int], ...] = (
    (ConnectionResetError, errno.ECONNRESET),
    (BrokenPipeError, errno.EPIPE),
    (ConnectionAbortedError, errno.ECONNABORTED),
    (ConnectionRefusedError, errno.ECONNREFUSED),
)
_HIGHEST_ERRNO = 899  # of what an outcome can hold beside our own reasons


def reason(error: BaseException) -> int | None:
    """Return the errno (or TIMEOUT) nearest to the surface of an exception; None: there is none.

    >>> reason(ExceptionGroup("tried both", [OSError(99, "no port")])) == errno.EADDRNOTAVAIL
    True
    """
    for each in _chain(error):
        if not isinstance(each, OSError):
            continue
        if each.errno is not None and 0 < each.errno <= _HIGHEST_ERRNO:
            return each.errno
        if isinstance(each, TimeoutError):  # asyncio's own limit; the kernel's is ETIMEDOUT
            return TIMEOUT
        for kind, number in _NUMBERS:
            if isinstance(each, kind):
                return number
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all behind it, the nearest first and each once."""
    waiting, seen = deque([error]), {id(error)}
    while waiting:
        each = waiting.popleft()
        yield each
        members = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        for behind in (each.__cause__, each.__context__, *members):
            if behind is not None and id(behind) not in seen:
                seen.add(id(behind))
                waiting.append(behind)
