"""`tw-bench doctor`: this host as it is, and what it will run out of. Nothing is changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tw_bench.cli.output import stdout
from tw_bench.errors import HostError, ProfileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tw_bench.doctor.finding import Finding

_ELSEWHERE = {"darwin": "macos", "win32": "windows", "cygwin": "windows"}  # presets of plan


def doctor(
    profile: Annotated[
        Path | None, typer.Argument(help="Ask whether this YAML file can be run here instead.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the profile: load.rate=400/s."),
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Print this host's facts, for plan --host FILE.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, nothing else.")] = False,
) -> None:
    """Examine this host: which ports are in use, what is about to fail, and what helps.

    Of a container, PID being one of its processes: sudo nsenter -t PID -n tw-bench doctor
    """
    if sys.platform != "linux":
        raise HostError(_what_cannot_be_seen(sys.platform))
    if profile is None and settings:
        raise ProfileError("--set: changes a profile, and none is given")
    if profile is not None and facts:
        raise ProfileError(f"--facts: describes the host: want it without {profile}")
    if profile is not None:
        findings = _profile(profile, tuple(settings or ()), as_json=as_json)
    elif facts:
        _facts()
        return
    else:
        findings = _host(as_json=as_json)
    if any(finding.level == "blocking" for finding in findings):
        raise typer.Exit(HostError.exit_code)


def _what_cannot_be_seen(platform: str) -> str:
    preset = _ELSEWHERE.get(platform, "freebsd" if platform.startswith("freebsd") else "linux")
    return (
        f"doctor reads Linux: /proc, sock_diag and namespaces. This is {platform}, so it cannot "
        "see the range of ports, who has them, what is in TIME_WAIT, or whether a lab can be made. "
        f"What can be calculated here: tw-bench plan --host {preset}"
    )


def _facts() -> None:
    from tw_bench.doctor.examination import examine_facts
    from tw_bench.plan.host_facts import facts_to_json

    print(facts_to_json(examine_facts()), file=stdout(), flush=True)


def _host(*, as_json: bool) -> "Sequence[Finding]":
    from tw_bench.doctor.checks import findings
    from tw_bench.doctor.document import host_document
    from tw_bench.doctor.examination import examine

    examination = examine()
    found = findings(examination)
    if as_json:
        _print_json(host_document(examination, found))
        return found
    from rich.console import Console

    from tw_bench.report.doctor_text import show_host

    show_host(Console(file=stdout(), highlight=False), examination, found)
    return found


def _profile(path: Path, settings: tuple[str, ...], *, as_json: bool) -> "Sequence[Finding]":
    from tw_bench.doctor.document import profile_document
    from tw_bench.doctor.examination import examine_facts
    from tw_bench.doctor.profile_check import check_profile
    from tw_bench.doctor.profile_place import read_place
    from tw_bench.profile.reader import read
    from tw_bench.results.aborting import check_bounds

    experiment = read(path, settings)
    check_bounds(experiment)
    facts = examine_facts()
    found = check_profile(experiment, facts, read_place(experiment))
    if as_json:
        _print_json(profile_document(experiment.name, facts, found))
        return found
    from rich.console import Console

    from tw_bench.report.doctor_text import show_profile

    show_profile(Console(file=stdout(), highlight=False), experiment.profile.title, found)
    return found


def _print_json(document: dict[str, object]) -> None:
    import json

    print(json.dumps(document, indent=2), file=stdout(), flush=True)
