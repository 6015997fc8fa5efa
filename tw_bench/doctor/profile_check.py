"""Whether a profile can be run here, and what will be wrong with its result. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tw_bench.doctor.finding import Finding, in_order, ready
from tw_bench.errors import HostError, ProfileError
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.plan import Plan, make_plan
from tw_bench.profile.model import Point
from tw_bench.profile.reader import Experiment
from tw_bench.units import duration_text

_LAB = "the lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a lab needs of the host beside its facts."""

    no_user_namespace: tuple[str, str] | None = None  # cause and remedy
    has_nft: bool = True
    missing_sysctls: tuple[str, ...] = ()  # of those that the profile sets


def check_profile(experiment: Experiment, facts: HostFacts, place: Place) -> list[Finding]:
    """Return what forbids a run, what will be wrong with it, and what it will be."""
    return in_order([*_lab(experiment.points, facts, place), *_plan(experiment, facts)])


def _lab(points: Sequence[Point], facts: HostFacts, place: Place) -> Iterator[Finding]:
    isolated = [point for point in points if point.lab.topology != "host"]
    if isolated and place.no_user_namespace is not None:
        yield _no_lab(*place.no_user_namespace)
    elif isolated:
        yield ready(_LAB, "user namespaces are allowed: it can be made here")
    if not place.has_nft and any(p.connection.active_closer == "both" for p in points):
        yield Finding(
            level="blocking",
            topic="nft",
            found="not installed",
            why="active_closer both holds back FINs with nftables, inside the lab.",
            command="sudo apt install nftables",
            risk="none: no rule is set on this host",
        )
    for name in place.missing_sysctls:
        yield Finding(
            level="blocking",
            topic=_LAB,
            found=f"this kernel ({facts.kernel}) has no {name}",
            why="The profile sets it, and the lab is refused where it cannot be set.",
        )
    if len(isolated) < len(points):
        yield from _shared_host(points, facts)


def _no_lab(cause: str, remedy: str) -> Finding:
    is_command = remedy.startswith("sudo ")
    return Finding(
        level="blocking",
        topic=_LAB,
        found=f"user namespaces are forbidden ({cause})",
        why="No private lab can be made; without isolation it runs with --set lab.topology=host "
        "--set connection.source_port=socket_range."
        + ("" if is_command else f" What helps: {remedy}."),
        command=remedy if is_command else "",
        risk="unprivileged processes can reach more of the kernel" if is_command else "",
    )


def _shared_host(points: Sequence[Point], facts: HostFacts) -> Iterator[Finding]:
    """Ports of this host that somebody else has, where the lab is the host itself."""
    held = {
        port
        for point in points
        if point.lab.topology == "host"
        for port in facts.held_ports
        if point.lab.ports.low <= port <= point.lab.ports.high
    }
    if held:
        yield Finding(
            level="advice",
            topic=_LAB,
            found=f"topology host: {len(held):,} of lab.ports are held by others here",
            why="connect() leaves them out, so the measured limit is lower than the predicted one.",
        )


def _plan(experiment: Experiment, facts: HostFacts) -> Iterator[Finding]:
    try:
        plan = make_plan(experiment, facts)
    except (HostError, ProfileError) as error:
        yield Finding(
            level="blocking",
            topic="this host",
            found=str(error),
            why="tw-bench run ends with this before anything is sent.",
        )
        return
    for text in plan.findings:
        yield Finding(
            level="advice",
            topic="the result",
            found=text,
            why="It can be run all the same: read its result with this in mind.",
        )
    yield ready("the plan", _plan_text(plan))


def _plan_text(plan: Plan) -> str:
    if plan.search is not None:
        lasts = duration_text(plan.duration_s)
        return f"a search of at most {plan.search.most_probes} probes, {lasts} of load at the most"
    points, waves = len(plan.planned), len(plan.waves)
    counted = f"{points} point{'s' if points > 1 else ''} in {waves} wave{'s' if waves > 1 else ''}"
    return f"{counted}, {duration_text(plan.duration_s)} in all"
