"""What a picture says of points whose ports come back sooner than TIME_WAIT ends."""

import re

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tw_bench.kernel.tcp import time_wait
from tw_bench.report.figures.run_data import Predicted, Run
from tw_bench.report.figures.style import BANNER, INK, LEFT, RIGHT, SIZE_IN, shrink
from tw_bench.units import duration_text

_TOP = 0.822  # of the strip, on a 16:9 card


def banner(figure: Figure, text: str) -> None:
    """Write a strip that nobody overlooks, below the words."""
    height = 0.052
    figure.add_artist(
        FancyBboxPatch(
            (LEFT, _TOP - height),
            RIGHT - LEFT,
            height,
            boxstyle="round,pad=0,rounding_size=0.008",
            mutation_aspect=SIZE_IN[0] / SIZE_IN[1],
            facecolor=BANNER,
            linewidth=0,
        )
    )
    middle = _TOP - height / 2
    line = figure.text(
        LEFT + 0.012, middle, text, size=11, color=INK, weight="bold", va="center_baseline"
    )
    shrink(line, RIGHT - LEFT - 0.024)


def time_lapse_text(run: Run, prediction: Predicted) -> str:
    """Return what time-lapse means for a point: why, and how far from the real limit."""
    hz = run.manifest.host.get("hz")
    times = time_wait(int(hz or 250)).echo_period_s / prediction.hold_s
    reason = re.sub(
        r"(\d+) ms", lambda ms: duration_text(int(ms[1]) / 1_000), prediction.hold_reason
    )
    return f"time-lapse: {reason}; the real limit is {times:.0f} times lower"
