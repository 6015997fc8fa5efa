"""The layout of a worker's rows: one a slot of the schedule, int64 fields, one after the other."""

# Instants in ns of CLOCK_MONOTONIC, durations in ns, 0 where it never came to that. The outcome
# is a code of results/outcomes.py, or one of the two below.
FIELDS = ("intended_ns", "started_ns", "connect_call_ns", "connected_ns", "ended_ns", "outcome")

HELD_BACK = -1  # a slot not tried: a refusal had just been met, and asking again is expensive
MISSED = -2  # a slot not tried: max_in_flight connections were open
