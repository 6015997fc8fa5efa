"""What happened to a connection: the phase it reached and the errno that ended it.

An outcome is one small integer in a worker's column (phase × 1000 + errno, 0 for success), so
that nothing is looked up or spelt out while the load runs. Standard library only: workers
import this and must start fast.
"""

import errno
from typing import NamedTuple

# In the order a connection goes through them.
PHASES = ("socket", "bind", "connect", "send", "receive", "close", "status")
SOCKET, BIND, CONNECT, SEND, RECEIVE, CLOSE, STATUS = (1000 * n for n in range(1, 8))
# status: the transaction went through, and what came was an HTTP status that is an error.

OK = 0

# Ends that have no errno of their own, numbered above the kernel's (MAX_ERRNO is 4095, the
# highest in use 133).
TIMEOUT = 900
EARLY_EOF = 901
BAD_RESPONSE = 902
NO_RESPONSE = 903
_OWN_REASONS = {
    TIMEOUT: "timeout",
    EARLY_EOF: "early_eof",
    BAD_RESPONSE: "bad_response",
    NO_RESPONSE: "no_response",
}

# The client's own kernel had no port or descriptor to give: met at socket(), bind() or connect().
REFUSALS = frozenset((errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE))

_WORDS = {
    "EADDRNOTAVAIL": "no free port towards this destination",
    "EADDRINUSE": "the port is taken, or bind(ip, 0) found none free",
    "EMFILE": "this process has no file descriptor left",
    "ENFILE": "the system has no file descriptor left",
    "ECONNREFUSED": "nobody listens there",
    "ECONNRESET": "the other side sent an RST",
    "EPIPE": "the other side had closed",
    "ETIMEDOUT": "the kernel gave up retransmitting",
    "EHOSTUNREACH": "no route or no neighbour",
    "ENETUNREACH": "no route",
    "ENOBUFS": "no buffer space",
    "ENOMEM": "no memory for a socket",
    "ECONNABORTED": "the connection was given up on this side",
    "EACCES": "not allowed: a privileged port, or a rule of the host",
    "EPERM": "not allowed: a rule of the host's packet filter",
    "ENETDOWN": "the interface is down",
    "EAGAIN": "the kernel had nothing to give just then",
    "ENOTCONN": "the connection had ended already",
    "timeout": "our own time limit passed",
    "early_eof": "closed before the whole response",
    "bad_response": "no response that makes sense",
    "no_response": "closed before any response",
    "429": "Too Many Requests: the other side limits the rate",
    "500": "Internal Server Error: the other side failed",
    "502": "Bad Gateway: the proxy could not reach the target",
    "503": "Service Unavailable: the proxy could not reach the target",
    "504": "Gateway Timeout: the target did not answer the proxy in time",
}
_UNREACHED = ("502", "503")  # what nginx and Caddy, and what HAProxy says of a refused connect()

_REFUSAL_NAMES = frozenset(errno.errorcode[number] for number in REFUSALS)


class Outcome(NamedTuple):
    """How a connection ended: `connect`, `EADDRNOTAVAIL`; or `close`, `ok`."""

    phase: str
    reason: str

    @property
    def is_ok(self) -> bool:
        """Whether the whole transaction went through."""
        return self.reason == "ok"

    @property
    def is_refusal(self) -> bool:
        """Whether a kernel had no port (or descriptor) to give: the client's, or a proxy's."""
        if self.phase == "status":
            return self.reason in _UNREACHED
        return self.phase in ("socket", "bind", "connect") and self.reason in _REFUSAL_NAMES

    @property
    def words(self) -> str:
        """What it means, for a person."""
        return _WORDS.get(self.reason, "")


def decode(code: int) -> Outcome:
    """Return the outcome that a column holds.

    >>> decode(CONNECT + errno.EADDRNOTAVAIL)
    Outcome(phase='connect', reason='EADDRNOTAVAIL')
    >>> decode(OK), decode(RECEIVE + EARLY_EOF).reason
    (Outcome(phase='close', reason='ok'), 'early_eof')
    """
    if code == OK:
        return Outcome("close", "ok")
    phase, number = divmod(code, 1000)
    if phase * 1000 == STATUS:
        return Outcome("status", str(number))
    reason = _OWN_REASONS.get(number) or errno.errorcode.get(number, f"errno {number}")
    return Outcome(PHASES[phase - 1], reason)
