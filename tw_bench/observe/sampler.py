"""The sampler's process: reads the counters of every side at a fixed cadence, outside the load.

The descriptors were opened inside the labs and are inherited (kernel/procfs.py); one line a side
and tick goes to stdout: number of the side, ns since the start, and a value for each column;
where sockets are to be counted by state, too, these counts behind them.
"""

import json
import os
import sys
import time
from typing import Any

from tw_bench.kernel import procfs, sock_diag
from tw_bench.observe.counters import GAUGES, TOTALS
from tw_bench.observe.states import States

_NAMES = (*GAUGES.values(), *TOTALS.values())
_TIME_WAIT = list(GAUGES).index("time_wait")


def run(spec: dict[str, Any]) -> None:
    """Sample until stdout is closed. A tick that was slept through is left out, not made up."""
    asked = [
        States(own.pop(sock_diag.NAME)) if sock_diag.NAME in own else None for own in spec["sides"]
    ]
    sides = [procfs.Selection(descriptors, _NAMES) for descriptors in spec["sides"]]
    tick_ns = round(spec["interval_s"] * 1e9)
    due_ns = spec["start_ns"]
    while True:
        now_ns = time.monotonic_ns()
        if now_ns < due_ns:
            time.sleep((due_ns - now_ns) / 1e9)
        lines = []
        for number, (side, states) in enumerate(zip(sides, asked, strict=True)):
            at_ns = time.monotonic_ns() - spec["start_ns"]
            values = side.read()
            if states is not None:
                values += states.read(values[_TIME_WAIT])
            lines.append(",".join(map(str, (number, at_ns, *values))))
        os.write(1, ("\n".join(lines) + "\n").encode())
        due_ns += tick_ns * max(1, -(-(time.monotonic_ns() - due_ns) // tick_ns))


def main() -> None:
    """Run as `python -m tw_bench.observe.sampler SPEC_JSON`."""
    try:
        run(json.loads(sys.argv[1]))
    except (BrokenPipeError, KeyboardInterrupt):
        return


if __name__ == "__main__":
    main()
