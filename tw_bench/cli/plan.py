"""`tw-bench plan`: will we run out of ports, and what do we change? Nothing is sent or changed."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tw_bench.cli import demand_flags as flags
from tw_bench.cli.output import stdout
from tw_bench.errors import ProfileError

if TYPE_CHECKING:
    from tw_bench.plan.capacity_plan import CapacityPlan
    from tw_bench.plan.environment import Environment
    from tw_bench.plan.host_facts import HostFacts

    Plans = dict[str, CapacityPlan]  # by point, or one that has no name

Host = Annotated[
    str | None,
    typer.Option(
        metavar="HOST",
        help="A file of doctor --facts, or linux, windows, macos, freebsd, aws-nat-gateway, "
        "gcp-cloud-nat, azure-snat, kubernetes-snat (default: this host).",
        show_default=False,
    ),
]
PointName = Annotated[str | None, typer.Option("--point", help="This point of the profile only.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change the profile: load.rate=400/s."),
]
Figure = Annotated[
    Path | None, typer.Option(help="Draw the limit against the ports, as .svg or .png.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the plan as JSON, nothing else.")]

# sys.platform without its version → what stands for this host
_PRESETS = {"darwin": "macos", "win": "windows"}
_LARGEST_FILE = 1 << 20


def plan(
    context: typer.Context,
    profile: Annotated[
        Path | None, typer.Argument(help="A YAML file; its points are planned, not run.")
    ] = None,
    rate: flags.RateFlag = None,
    destinations: flags.Destinations = None,
    sources: flags.Sources = None,
    requests_per_connection: flags.Requests = None,
    response_time: flags.ResponseTime = None,
    round_trip: flags.RoundTrip = None,
    closer: flags.Closer = None,
    close: flags.Close = None,
    source_port: flags.SourcePort = None,
    reuse_address: flags.ReuseAddress = False,
    loopback: flags.Loopback = False,
    backlog: flags.Backlog = None,
    ports: flags.PortsFlag = None,
    host: Host = None,
    settings: Settings = None,
    point: PointName = None,
    figure: Figure = None,
    as_json: AsJson = False,
) -> None:
    """Plan: which wall stands first, how far it is, and what each remedy is worth."""
    given = flags.DemandFlags(
        **{name: context.params[name] for name in flags.DemandFlags.__slots__}
    )
    repeat = 1
    if profile is not None:
        plans, repeat = _plan_profile(profile, tuple(settings or ()), given, host)
        plans = _only(point, plans)
    elif settings or point:
        raise ProfileError(f"{'--set' if settings else '--point'}: is for a profile: none is given")
    else:
        plans = {"": _plan_flags(given, host)}
    if figure is not None:
        _draw(plans, figure)
    _show(plans, as_json, figure, repeat)


def _plan_flags(given: flags.DemandFlags, host: str | None) -> "CapacityPlan":
    from tw_bench.plan.capacity_plan import make_capacity_plan

    demand, own_ports = given.demand(), given.port_range()
    environment = _environment(host)
    if own_ports is not None:
        environment = replace(environment, ports=own_ports)
    return make_capacity_plan(demand, environment)


def _plan_profile(
    profile: Path, settings: tuple[str, ...], given: flags.DemandFlags, host: str | None
) -> tuple["Plans", int]:
    """Plan each point in the lab that it asks for, and say how often; a preset has no labs."""
    from tw_bench.plan import demand, environment
    from tw_bench.plan.calling import as_called
    from tw_bench.plan.capacity_plan import make_capacity_plan
    from tw_bench.plan.host_facts import read_host_facts
    from tw_bench.plan.prediction import predict
    from tw_bench.plan.presets import PRESETS
    from tw_bench.profile.reader import read
    from tw_bench.results.aborting import check_bounds

    if given.names():
        raise ProfileError(
            f"{given.names()[0]}: the profile {profile} says it already: want --set PATH=VALUE"
        )
    if host in PRESETS or (host is None and sys.platform != "linux"):
        raise ProfileError(
            f"--host: a profile runs in a lab on Linux, not on {host or sys.platform}: "
            "want a file of doctor --facts"
        )
    facts = read_host_facts() if host is None else _read_facts(host)
    experiment = read(profile, settings)
    check_bounds(experiment)
    demands = {
        point.id: demand.of_point(as_called(point), predict(point, facts))
        for point in experiment.points
    }
    if experiment.profile.find is not None:  # it asks which rate, and for none
        demands = {id: replace(asked, rate_per_s=None) for id, asked in demands.items()}
    plans = {
        point.id: make_capacity_plan(demands[point.id], environment.of_point(point, facts))
        for point in experiment.points
    }
    return plans, experiment.profile.repeat


def _only(point: str | None, plans: "Plans") -> "Plans":
    if point is None:
        return plans
    if point not in plans:
        raise ProfileError(f"--point: got {point!r}: want one of {', '.join(plans)}")
    return {point: plans[point]}


def _environment(host: str | None) -> "Environment":
    """Return this host, a described one, or a preset."""
    from tw_bench.plan import environment, presets

    if host in presets.PRESETS:
        return presets.environment(host)
    if host is not None:
        return environment.of_host(_read_facts(host), host)
    if sys.platform == "linux":
        return environment.of_host(_own_facts())
    system = sys.platform.rstrip("0123456789")
    return presets.environment(_PRESETS.get(system, system))


def _own_facts() -> "HostFacts":
    """Return this host's facts, less the ports that somebody holds, where that can be seen."""
    from tw_bench.doctor.examination import examine_facts

    return examine_facts()


def _read_facts(host: str) -> "HostFacts":
    from tw_bench.plan import presets
    from tw_bench.plan.host_facts import facts_from_json

    path = Path(host)
    try:
        if not path.suffix and not path.exists():
            presets.environment(host)  # raises: unknown, and which there are
        with path.open("rb") as file:
            text = file.read(_LARGEST_FILE).decode()
    except OSError as error:
        raise ProfileError(
            f"--host {host}: {error.strerror}: want a file of doctor --facts"
        ) from error
    except UnicodeDecodeError:
        raise ProfileError(f"--host {host}: is no text: want a file of doctor --facts") from None
    return facts_from_json(text, host)


def _show(plans: "Plans", as_json: bool, figure: Path | None, repeat: int) -> None:
    from rich.console import Console

    from tw_bench.report.capacity_text import plans_json, show_capacity

    out = stdout()
    if as_json:
        print(plans_json(plans), file=out, flush=True)
        return
    show_capacity(Console(file=out, highlight=False), plans, figure, repeat)


def _draw(plans: "Plans", figure: Path) -> None:
    from tw_bench.report.figures.capacity import draw_capacity

    if len(plans) > 1:
        raise ProfileError(f"--figure: draws one point, this profile has {len(plans)}")
    for plan in plans.values():
        draw_capacity(plan, figure)
