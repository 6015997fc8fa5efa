"""How long the page of a large run takes: fifty points, ten minutes, the whole process."""

import subprocess
import sys
import time
from pathlib import Path

from tests.unit.long_run import POINTS, SECONDS, write_long_run

LONGEST_S = 5.0
MOST_BYTES = 5_000_000
ROUNDS = 3


def test_report_of_a_large_run(tmp_path: Path) -> None:
    """The best of three is within five seconds, and within five megabytes."""
    folder = write_long_run(tmp_path / "run")
    command = [sys.executable, "-m", "tw_bench", "report", str(folder)]
    took_s = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took_s.append(time.perf_counter() - begun)
    size = (folder / "report.html").stat().st_size
    print(f"\n{POINTS} points, {SECONDS:.0f} s: {min(took_s):.2f} s, {size / 1e6:.2f} MB")
    assert min(took_s) <= LONGEST_S
    assert size <= MOST_BYTES
