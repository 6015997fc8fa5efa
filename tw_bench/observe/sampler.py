"""The sampler's process: reads the counters of every side at a fixed cadence, outside the load.

The descriptors were opened inside the labs and are inherited (kernel/procfs.py); one line a side
and tick goes to stdout: number of the side, ns since the start, and a value for each column.
"""

import json
import os
import sys
import time
from typing import Any

from tw_bench.kernel import procfs
from tw_bench.observe.counters import GAUGES, TOTALS

_NAMES = (*GAUGES.values(), *TOTALS.values())


def run(spec: dict[str, Any]) -> None:
    """Sample until stdout is closed. A tick that was slept through is left out, not made up."""
    sides = [procfs.Selection(descriptors, _NAMES) for descriptors in spec["sides"]]
    tick_ns = round(spec["interval_s"] * 1e9)
    due_ns = spec["start_ns"]
    while True:
        now_ns = time.monotonic_ns()
        if now_ns < due_ns:
            time.sleep((due_ns - now_ns) / 1e9)
        lines = []
        for number, side in enumerate(sides):
            at_ns = time.monotonic_ns() - spec["start_ns"]
            lines.append(",".join(map(str, (number, at_ns, *side.read()))))
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
