"""A scenario: a claim about TCP, the steps that provoke it, and what is expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from tw_bench.profile.complaints import first_complaint
from tw_bench.profile.document import KeyPath, complaint, parse
from tw_bench.profile.expectations import PATH, SIDES, STATES
from tw_bench.profile.model import Line
from tw_bench.profile.quantities import Duration, DurationField, PortRange, Ports
from tw_bench.profile.reader import profile_text
from tw_bench.profile.scenario_addresses import wrong_addresses
from tw_bench.profile.scenario_steps import Step
from tw_bench.profile.sections import Section
from tw_bench.profile.sysctls import Sysctls

# What a name may stand for.
_DOOR, _CONNECTION, _HELD = "what listens", "a connection", "segments that are held"
_SOCKET = "a socket"
_MEANT = {
    _DOOR: {_DOOR},
    _CONNECTION: {_CONNECTION},
    _HELD: {_HELD},
    _SOCKET: {_DOOR, _CONNECTION},
}
_MAKES = {
    "bind": _DOOR,
    "listen": _DOOR,
    "connect": _CONNECTION,
    "accept": _CONNECTION,
    "hold": _HELD,
}
_GOES_ON = {("bind", "listen"), ("accept", "accept")}


class ScenarioLab(Section):
    """Two sides, or three, and a wire between them."""

    ip_version: int = Field(4, ge=4, le=6, multiple_of=2)  # 4 or 6
    link: Literal["wire", "veth"] = Field(
        "wire", description="veth: the kernel's own, for many thousands; nothing is seen of it"
    )
    delay: DurationField = Field(Duration(0.01, "s"), description="Of the wire, one way")
    nat: bool = Field(False, description="A side between them that masquerades the client")
    nat_ports: Ports | None = Field(None, description="What it masquerades to; all without it")
    ports: Ports = Field(PortRange(32_768, 60_999), description="The client's ephemeral ports")
    sources: int = Field(1, ge=1, le=200, description="Addresses of the client")
    destinations: int = Field(1, ge=1, le=200, description="Addresses of the server")
    sysctls: Sysctls = Field({}, description="Set on every side")
    client_sysctls: Sysctls = Field({})  # Set on that side alone
    nat_sysctls: Sysctls = Field({})  # Set on that side alone
    server_sysctls: Sysctls = Field({})  # Set on that side alone


class Scenario(Section):
    """One YAML file, one claim."""

    title: Line = Field(min_length=1)  # In a line
    question: Line = ""  # What it answers
    claim: Line = Field(min_length=1, description="What the textbooks say")
    source: Line = Field(
        "", description="Where they say it: RFC and section, book, kernel function"
    )
    lab: ScenarioLab = ScenarioLab()
    steps: list[Step] = Field(min_length=1, max_length=200)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of its lab, from the client on."""
        return SIDES if self.lab.nat else ("client", "server")


@dataclass(frozen=True)
class ReadScenario:
    """A scenario, where it came from, and its text."""

    name: str
    scenario: Scenario
    verbatim: str
    places: tuple[str, ...]  # file:line of each step


def is_scenario(path: Path) -> bool:
    """Whether a profile is one with steps.

    Raises:
        ProfileError: there is no such file, or it is no YAML.
    """
    return "steps" in parse(profile_text(path), str(path)).data


def read_scenario(path: Path) -> ReadScenario:
    """Read a scenario.

    Raises:
        ProfileError: with file:line, what was found and what is wanted.
    """
    text = profile_text(path)
    document = parse(text, str(path))
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise first_complaint(Scenario, document, error) from None
    for where, message in _contradictions(scenario):
        raise complaint(document.place(where), message)
    places = tuple(document.place(("steps", n)) for n in range(len(scenario.steps)))
    return ReadScenario(path.stem, scenario, text, places)


def _contradictions(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    """Yield (where, what is wrong) of sides, names and addresses, and where nothing can fail."""
    if scenario.lab.link == "veth":
        yield from _want_wire(scenario)
    known: dict[str, set[str]] = {}  # name → what it stands for
    opened: dict[str, str] = {}  # name → the verb that made its sockets, until they are closed
    for number, step in enumerate(scenario.steps):
        where: KeyPath = ("steps", number, step.verb)
        for side in _sides_of(step):
            if side not in scenario.sides:
                yield where, f"{step.verb}: there is no side {side!r}: want lab.nat: true"
        for message in (
            *_wrong_names(step, known),
            *_taken_names(step, opened),
            *wrong_addresses(step, scenario.lab),
        ):
            yield where, f"{step.verb}: {message}"
        if step.verb in _MAKES:
            known.setdefault(step.asked.name, set()).add(_MAKES[step.verb])
    if not any(_can_fail(step) for step in scenario.steps):
        yield ("steps",), "steps: expect nothing: want a step with expect, or a call with fails"


def _want_wire(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    """Yield what a link of the kernel's own cannot do: nobody stands between its ends."""
    for name in ("nat", "delay"):
        if name in scenario.lab.model_fields_set:
            yield ("lab", name), f"lab.{name}: wants lab.link: wire"
    for number, step in enumerate(scenario.steps):
        where: KeyPath = ("steps", number, step.verb)
        if step.verb in ("drop", "hold", "release", "replay", "inject"):
            yield where, f"{step.verb}: wants lab.link: wire"
        for one in step.asked if step.verb == "expect" else ():
            if one.what.startswith("sent."):
                yield where, "what a side has sent: wants lab.link: wire"
            if one.owner not in SIDES and one.what in (PATH, *STATES):
                yield where, f"{one.owner}.{one.what}: each state: wants lab.link: wire"


def _can_fail(step: Step) -> bool:
    """Whether a step says what is expected."""
    return step.verb == "expect" or getattr(step.asked, "fails", None) is not None


def _taken_names(step: Step, opened: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with a name given twice: the sockets it had would be closed, unsaid.

    `opened` is brought up to date: name → the verb, of those that are open after this step.
    """
    name = getattr(step.asked, "name", "")
    if step.verb == "close":
        opened.pop(name, None)
    elif step.verb == "kill":
        opened.clear()  # of which side each is does not matter: nothing is refused for want of it
    elif _MAKES.get(step.verb, _HELD) != _HELD and not getattr(step.asked, "fails", None):
        # accept() adds to what it accepted before, and listen() goes on with what is bound.
        before = opened.get(name)
        if before is not None and (before, step.verb) not in _GOES_ON:
            yield f"{name!r} has sockets that are open: want another name, or close: {name} before"
        opened[name] = step.verb


def _sides_of(step: Step) -> list[str]:
    """Return the sides that a step speaks of."""
    if step.verb == "kill":
        return [step.asked]
    if step.verb == "expect":
        return [one.owner for one in step.asked if one.owner in SIDES]
    names = ("on", "to") + (("by",) if step.verb != "inject" else ())
    return [value for name in names if (value := getattr(step.asked, name, None)) is not None]


def _wrong_names(step: Step, known: dict[str, set[str]]) -> Iterator[str]:
    """Yield what is wrong with each name that stands for nothing yet, or for something else."""
    for name, wanted in _names_of(step):
        if name not in known:
            yield f"nothing is called {name!r} so far: {', '.join(sorted(known)) or 'none yet'}"
        elif not known[name] & _MEANT[wanted]:
            yield f"{name!r} is {min(known[name])}: want {wanted}"


def _names_of(step: Step) -> list[tuple[str, str]]:
    """Return the names that a step takes for given, and what it takes each for."""
    asked = step.asked
    if step.verb == "release":
        return [(asked, _HELD)]
    if step.verb in ("shutdown", "destroy"):
        return [(asked, _CONNECTION)]
    if step.verb == "expect":
        subjects = [own for one in asked for own in (one.subject, one.times) if own]
        return [
            (name, _CONNECTION if not what or what[0] in (PATH, *STATES) else _SOCKET)
            for name, *what in subjects
            if name not in SIDES
        ]
    if step.verb in ("send", "receive", "close"):
        return [(asked.name, _SOCKET)]
    if step.verb in ("accept", "fill"):
        return [(asked.door, _DOOR)]
    return [(asked.by, _CONNECTION)] if step.verb == "inject" else []


__all__ = ["ReadScenario", "Scenario", "is_scenario", "read_scenario"]
