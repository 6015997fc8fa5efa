"""What the doctor prints, on a host that is always the same."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tests.unit.machines import SMALL
from tests.unit.patients import HEALTHY, PATIENT
from tw_bench.doctor.checks import findings
from tw_bench.doctor.document import host_document, profile_document
from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding
from tw_bench.doctor.profile_check import Place, check_profile
from tw_bench.kernel.socket_owners import Owner
from tw_bench.profile.reader import read
from tw_bench.report.doctor_text import show_host, show_profile

Golden = Callable[[str, str], None]


def text_of(examination: Examination, columns: int) -> str:
    """Return what the terminal shows."""
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    show_host(console, examination, findings(examination))
    return printed(console)


def printed(console: Console) -> str:
    """Return what was printed to a console."""
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("name", ["patient", "healthy"])
def test_a_host_is_shown(golden: Golden, name, columns):
    """A host in trouble and a healthy one, as they are read in the terminal."""
    text = text_of({"patient": PATIENT, "healthy": HEALTHY}[name], columns)
    golden(f"doctor-{name}-{columns}.txt", text)


@pytest.mark.parametrize("columns", [60, 80])
def test_a_profile_is_shown(golden: Golden, tmp_path, columns):
    """Whether a profile can be run, and what will be wrong with its result."""
    path = tmp_path / "p.yaml"
    path.write_text(
        "title: Both ends at once\nlab: {ports: 33}\nconnection: {active_closer: both}\n"
        "method: {window: 90s}\n"
    )
    place = Place(has_nft=False, no_user_namespace=("unshare: EPERM; x is 1", "sudo sysctl -w x=0"))
    console = Console(file=io.StringIO(), width=columns, highlight=False)
    show_profile(console, "Both ends at once", check_profile(read(path), SMALL, place))
    golden(f"doctor-profile-{columns}.txt", printed(console))


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_only_commands_are_wider_than_the_terminal(columns):
    """Text wraps, whatever the addresses; a command stays on one line, to be copied."""
    lines = text_of(PATIENT, columns).splitlines()
    commands = {finding.command for finding in findings(PATIENT) if finding.command}
    assert commands == {line.removeprefix("do").strip() for line in lines if line.startswith("do ")}
    wide = [line for line in lines if len(line) > columns and not line.startswith("do ")]
    assert columns < 60 or wide == []


def test_the_name_of_a_process_cannot_steer_the_terminal():
    """Control characters in a name are spelt out; square brackets are not read as markup."""
    owners = {17: Owner(1, "\x1b[2J[red]evil\n")}
    text = text_of(replace(PATIENT, owners=owners), 100)
    assert "\\x1b[2J[red]evil" in text
    assert "\x1b" not in text


def test_the_same_as_json():
    """Status, findings, figures and facts, in plain data."""
    document = json.loads(json.dumps(host_document(PATIENT, findings(PATIENT))))
    assert (document["format"], document["format_version"]) == ("tw-bench doctor", 1)
    assert document["status"] == "blocking"
    assert document["environment"]["usable_ports"] == 28_230
    assert document["usage"][0]["percent"] == 96.0
    assert document["facts"]["hz"] == 250
    levels = [finding["level"] for finding in document["findings"]]
    assert levels == sorted(levels, key=["blocking", "advice", "ready"].index)
    assert all(finding["why"] for finding in document["findings"] if finding["level"] != "ready")


def test_a_profile_as_json():
    """A profile's document names it, and says whether it can be run."""
    found: list[Any] = [Finding(level="blocking", topic="nft", found="not installed")]
    document = profile_document("mine", SMALL, found)
    assert (document["profile"], document["status"]) == ("mine", "blocking")
