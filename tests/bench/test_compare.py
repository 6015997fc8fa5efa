"""`tw-bench compare` as a whole process, beside the import of what makes its intervals."""

import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.unit.compared_runs import a_point, a_run, repeated, write
from tw_bench.results.schema import PointResult

Show = Callable[[str], None]
FLOOR = ("-c", "import scipy.stats, pydantic, typer, rich.console")


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Return a function that prints past pytest's capture."""

    def show(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    return show


def alternating_s(commands: Sequence[Sequence[object]], rounds: int = 5) -> list[float]:
    """Return the CPU seconds of each command's cheapest round, the commands in turns."""
    best = [float("inf")] * len(commands)
    for _ in range(rounds):
        for number, command in enumerate(commands):
            begun = children_s()
            subprocess.run([sys.executable, *map(str, command)], capture_output=True, check=True)
            best[number] = min(best[number], children_s() - begun)
    return best


def children_s() -> float:
    """Return the CPU seconds of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def two_runs(place: Path, points: Callable[[float], list[PointResult]]) -> list[Path]:
    """Write two runs of these points, the second one a little slower."""
    return [write(a_run(points(s)), place / name) for name, s in (("before", 1.0), ("after", 0.95))]


def test_comparing_two_runs_is_mostly_importing(show: Show, tmp_path: Path) -> None:
    """Fifty points, and fifty points five times: at most three times what the imports cost."""

    def once(scale: float) -> list[PointResult]:
        return [a_point(ports, scale * ports / 61.44) for ports in range(500, 550)]

    def five_times(scale: float) -> list[PointResult]:
        noise = (1.0, 1.001, 0.999, 1.002, 0.998)
        goodputs = {n: [scale * n / 61.44 * one for one in noise] for n in range(500, 550)}
        return repeated(goodputs)

    compare = ("-m", "tw_bench", "compare")
    folders = [two_runs(tmp_path / kind.__name__, kind) for kind in (once, five_times)]
    commands = [FLOOR, *((*compare, *pair) for pair in folders)]
    floor_s, once_s, five_s = alternating_s(commands)
    show(
        f"compare: 50 points {once_s:.2f} s, 50 points x 5 {five_s:.2f} s; "
        f"the imports alone {floor_s:.2f} s (CPU)"
    )
    assert max(once_s, five_s) < 3 * floor_s
