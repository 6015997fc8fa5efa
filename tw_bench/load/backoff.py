"""How long to leave the kernel alone after a refusal. Pure.

A refused connect() is the most expensive one: it has looked at every port of the range before
it said no (5 ms for 28,232 ports). An open loop that asked again at every slot would spend its
processor on refusals and measure itself. So the pause is a multiple of what the refusal cost,
which bounds the share of time spent on them, whatever the size of the range; and it is short
beside the time a port is held, so that no port that has come back waits long enough to show in
the goodput.
"""

SHARE = 0.05  # of a worker's time that refusals may cost
_SHORTEST = 1 / 3_000  # of the hold: 20 ms of a TIME_WAIT, 0.3 ms of a reuse after 1 s
_LONGEST = 1 / 500  # of the hold: 2 ms of a reuse after 1 s
_LONGEST_S = 0.1


class Backoff:
    """The pauses of one worker; `hold_s` is how long a port is away."""

    def __init__(self, hold_s: float) -> None:
        self._shortest_ns = round(hold_s * _SHORTEST * 1e9)
        self._longest_ns = round(min(hold_s * _LONGEST, _LONGEST_S) * 1e9)

    def pause_ns(self, refused_call_ns: int) -> int:
        """Return the pause after a refusal whose connect() took so long.

        >>> [Backoff(60).pause_ns(ns) for ns in (20_000, 2_000_000, 50_000_000)]
        [20000000, 38000000, 100000000]
        >>> [Backoff(1).pause_ns(ns) for ns in (20_000, 2_000_000)]
        [380000, 2000000]
        """
        pause = round(refused_call_ns * (1 / SHARE - 1))
        return max(self._shortest_ns, min(self._longest_ns, pause))
