"""The one picture of a plan: which wall stands first, how far it is, and what would move it."""

import re
from pathlib import Path

from matplotlib.figure import Figure

from tw_bench import __version__
from tw_bench.plan.capacity_plan import CapacityPlan
from tw_bench.report.figures import capacity_column, capacity_panel, one_file, style
from tw_bench.report.figures.capacity_curve import curve
from tw_bench.report.figures.style import BLUE, INK, MUTED, PURPLE, VERMILLION, Word

_CARRIES = {  # name of a wall → how it is said that it is the limit
    "ports": "the ports carry",
    "conntrack": "conntrack carries",
    "file descriptors": "the file descriptors carry",
    "accept queue": "the accept queue carries",
    "port search": "the port search carries",
    "TIME_WAIT buckets": "the TIME_WAIT buckets hold",
}


def draw_capacity(plan: CapacityPlan, path: Path) -> Path:
    """Draw a plan into a file and return its path; the same plan gives the same bytes.

    Raises:
        ProfileError, ResultsError: as of one_file.write.
    """
    return one_file.write(lambda: figure(plan), path)


def figure(plan: CapacityPlan) -> Figure:
    """Return the picture of a plan."""
    walls = curve(plan)
    top = capacity_panel.heights(plan, walls)[1]
    has_far = any(remedy.limit_per_s > top for remedy in plan.remedies)
    has_soft = any(not line.refuses for line in walls.lines)
    words = _words(plan, has_soft=has_soft, has_far=has_far)
    card = style.blank_card(_title(plan), words, _origin(plan))
    axes = capacity_panel.panel(card, plan, walls)
    capacity_panel.draw(axes, plan, walls)
    capacity_column.draw_column(card, axes, plan.remedies)
    return card


def _title(plan: CapacityPlan) -> str:
    """Return the finding."""
    carries = _CARRIES.get(plan.binding, f"{plan.binding}:")
    asked = plan.demand.rate_per_s
    if asked is None or not plan.headroom:
        first = "" if asked is None else f"{style.short_rate(asked)} are asked, "
        limit = style.short_rate(plan.limit_per_s) if plan.limit_per_s else "nothing"
        return _capital(f"{first}{carries} {limit}")
    limit, wanted = style.short_rate(plan.limit_per_s), style.short_rate(asked)
    just = limit == wanted
    if plan.headroom < 1:
        return f"{wanted} are asked, {carries} {'just short of it' if just else limit}"
    times = f"{plan.headroom:,.1f} times" if plan.headroom < 99.5 else f"{plan.headroom:,.0f} times"
    beside = "just what is asked" if just else f"{times} the {wanted} that are asked"
    return _capital(f"{carries} {limit}, {beside}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _words(plan: CapacityPlan, *, has_soft: bool, has_far: bool) -> list[Word]:
    """Return what colours and marks mean, of those that are there."""
    entries = [("━ above: refused", style.as_text(BLUE))]
    if has_soft:
        entries.append(("╌ above: not refused, but unprotected", style.as_text(PURPLE)))
    entries.append(("◆ now" if plan.limit_per_s else "▼ now", INK))
    if plan.demand.rate_per_s is not None:
        entries.append(("━ asked", style.as_text(VERMILLION)))
    marks = [capacity_column.mark(remedy) for remedy in plan.remedies]
    other = "one that is not" if capacity_column.ENOUGH in marks else "a change that is not enough"
    meanings = (
        (capacity_column.ENOUGH, "a change that is enough"),
        (capacity_column.SHORT, other),
        (capacity_column.UNJUDGED, "what a change would carry"),
    )
    for mark, meaning in meanings:
        if mark in marks:
            entries.append((f"{mark.glyph} {meaning}", style.as_text(mark.colour)))
    if has_far:
        entries.append(("▲ far above", MUTED))
    # A word of nothing between two entries sets them apart.
    return [word for entry in entries for word in (Word(*entry, bold=True), Word(""), Word(""))]


def _origin(plan: CapacityPlan) -> list[str]:
    environment = plan.environment
    parts = [environment.name]
    if environment.linux is not None:
        parts.append("Linux {}.{}".format(*environment.linux))
    # The timer is known by what it does to TIME_WAIT, and there it is written.
    if found := re.search(r"HZ \d+", environment.time_wait.reason):
        parts.append(found[0])
    parts.append(f"tw-bench {__version__}")
    return [*parts, environment.source] if environment.source else parts
