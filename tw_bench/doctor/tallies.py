"""What one destination and one source address use of the ports, while it is counted."""

from collections import Counter
from dataclasses import dataclass, field

_FREE = 0.9  # of the first parity: below it connect() has no reason to take the second


@dataclass(slots=True)
class Uses:
    """What one destination has of the ports."""

    by_state: Counter[str] = field(default_factory=Counter)
    sampled: int = 0
    second_parity: int = 0  # of those sampled

    @property
    def all_of_second_parity(self) -> int:
        """Exact where all were sampled; a share of the sample where there are very many.

        The sample is a fair one: a dump comes in the order of a hash of the four-tuple.
        """
        return round(self.by_state.total() * self.second_parity / max(1, self.sampled))


@dataclass(slots=True)
class SourceUses:
    """What one source address has, summed up over its destinations."""

    destinations: int = 0
    connections: int = 0
    busiest: int = 0
    time_waits: int = 0
    out_of_turn: int = 0
    both_parities: int = 0

    def add(self, uses: Uses, first_parity_ports: int, *, is_client: bool) -> None:
        """Add a destination; or a client, most likely, of a server whose listener has gone."""
        count, second = uses.by_state.total(), uses.all_of_second_parity
        is_early = count - second < _FREE * first_parity_ports
        self.destinations += 1
        self.connections += count
        self.busiest = max(self.busiest, count)
        self.time_waits += uses.by_state["TIME_WAIT"]
        self.out_of_turn += second if is_early and not is_client else 0
        self.both_parities += min(second, count - second)
