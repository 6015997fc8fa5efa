"""A profile file and its --set flags → Profile and Points, or one line that says what is wrong.

Parts, sweeps and --set move values about; the places where they were written move with them, so
that an error in the third value of a sweep is reported at the line of that value.
"""

import difflib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tw_bench.profile.asked_bounds import AskedBounds, asked_bounds
from tw_bench.profile.complaints import first_complaint, nearest
from tw_bench.profile.contradictions import contradictions
from tw_bench.profile.document import Document, KeyPath, complaint, parse, parse_value
from tw_bench.profile.find_contradictions import wrong_find
from tw_bench.profile.find_section import SHORT, MaxRateSpec
from tw_bench.profile.model import Part, Point, Profile

_LARGEST_FILE = 64 * 1024  # bytes; the longest profile shipped has 2 kB
_MOST_POINTS = 200

_SECTIONS = ("lab", "target", "proxy", "client", "connection", "load", "method", "observe")
# What is of a whole profile, and why it cannot be swept.
_WHOLE = dict.fromkeys(
    ("find", *(f"find.max_rate.{name}" for name in MaxRateSpec.model_fields)),
    "a search is of one point: want no sweep",
) | {"repeat": "it is one count for all points: want it at the top of the profile"}
# One of them; who says one unsays the others.
_PACES = ("load.rate", "load.ramp", "load.steps", "load.closed_loop")

Model = TypeVar("Model", bound=BaseModel)
Sweep = dict[str, list[Any]]


@dataclass(frozen=True)
class Experiment:
    """A profile and all it unfolds into."""

    name: str
    profile: Profile
    points: tuple[Point, ...]
    verbatim: str  # the file's text
    settings: tuple[str, ...] = ()  # the --set texts, in which it differs from that
    thresholds: tuple[str, ...] = ()  # the --threshold texts
    bounds: AskedBounds = field(default_factory=AskedBounds)  # those of the profile, and these


def read(
    path: Path, settings: tuple[str, ...] = (), thresholds: tuple[str, ...] = ()
) -> Experiment:
    """Read a profile file; `settings` are `path=value` texts that win over what it says.

    `thresholds` are bounds beside the profile's.

    Raises:
        ProfileError: with file:line, what was found and what is wanted.
    """
    return unfold(profile_text(path), str(path), path.stem, settings, thresholds)


def unfold(
    text: str,
    source: str,
    name: str,
    settings: tuple[str, ...] = (),
    thresholds: tuple[str, ...] = (),
) -> Experiment:
    """Return the experiment of a profile's text; `source` is where it stands, for a complaint.

    Raises:
        ProfileError: with source:line, what was found and what is wanted.
    """
    document = parse(text, source)
    if "steps" in document.data:
        raise complaint(
            source, "is a scenario: tw-bench run plays it; want a profile without steps"
        )
    _validate(Profile, document)  # as written: --set must not paper over a mistake
    for setting in settings:
        _apply_setting(document, setting)
    profile = _validate(Profile, document)
    indexes = range(len(profile.parts)) if profile.parts else (None,)
    sweeps = [_sweep(document, index) for index in indexes]
    _check_count(document, sweeps, profile.repeat)
    points: dict[str, Point] = {}
    for index, sweep in zip(indexes, sweeps, strict=True):
        for place, point in _points(document, profile, index, sweep):
            if point.id in points:
                want = "want distinct part names and sweep values"
                raise complaint(place, f"a second point is called {point.id!r}: {want}")
            points[point.id] = point
    for dotted, message in wrong_find(profile, tuple(points.values())):
        raise complaint(document.place(_split(dotted)), f"{dotted}: {message}")
    found = tuple(points.values())
    bounds = asked_bounds(profile, document, found, thresholds)
    return Experiment(name, profile, found, text, settings, thresholds, bounds)


def profile_text(path: Path) -> str:
    """Return a profile's text.

    Raises:
        ProfileError: there is no such file, or it is none that can be a profile.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise complaint(str(path), f"is larger than {_LARGEST_FILE >> 10} KiB: not a profile")
        return data.decode()
    except FileNotFoundError:
        raise complaint(str(path), f"no such file{_near_file(path)}") from None
    except IsADirectoryError:
        raise complaint(str(path), "is a directory: want a profile, a YAML file") from None
    except OSError as error:
        raise complaint(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise complaint(str(path), f"is not UTF-8 text (byte {error.start})") from error


def _near_file(path: Path) -> str:
    """Return the hint at a profile in the same folder, or in profiles/, with such a name."""
    files = [*path.parent.glob("*.yaml"), *Path("profiles").glob("*.yaml")]
    names = {file.name: file for file in reversed(files)}
    near = difflib.get_close_matches(f"{path.stem}.yaml", names, 1)
    return f"; did you mean {names[near[0]]}?" if near else ""


def _apply_setting(document: Document, setting: str) -> None:
    """Apply `path=value`: over the profile, over each part that says otherwise, over a sweep."""
    dotted, _, text = (side.strip() for side in setting.partition("="))
    place = f"--set {setting if len(setting) <= 80 else setting[:77] + '...'}"
    if not dotted or not text:
        raise complaint(place, "want PATH=VALUE such as load.rate=400/s")
    path = _known_path(dotted, place)
    value = parse_value(text, place)
    if dotted != "find" and document.data.get("find") == SHORT:
        document.data["find"] = {SHORT: {}}  # written out, so that there is a place to set
    for rival in _rivals(dotted) if value is not None else (dotted,):
        document.drop(_split(rival))
        document.data.get("sweep", {}).pop(rival, None)
        for part in document.data.get("parts", []):
            part.get("sweep", {}).pop(rival, None)
            _pop(part, _split(rival))
    document.set(path, value, place)


def _rivals(dotted: str) -> tuple[str, ...]:
    """Return the paths that a value at this path takes the place of."""
    return _PACES if dotted in _PACES else (dotted,)


def _pop(node: dict[str, Any], path: tuple[str, ...]) -> None:
    for key in path[:-1]:
        node = node.get(key) or {}
    node.pop(path[-1], None)


def _says(part: dict[str, Any], dotted: str) -> bool:
    """Whether a part gives a value for the path, or sweeps it."""
    node: Any = part
    for key in _split(dotted):
        node = node.get(key) if isinstance(node, dict) else None
    return node is not None or dotted in part.get("sweep", {})


def _sweep(document: Document, index: int | None) -> Sweep:
    """Return what a part sweeps: the profile's sweep less what the part says, and its own."""
    part = {} if index is None else document.data["parts"][index]
    common = document.data.get("sweep", {})
    sweep = {k: v for k, v in common.items() if not any(_says(part, r) for r in _rivals(k))}
    sweep |= part.get("sweep", {})
    for dotted, values in sweep.items():
        place = _sweep_place(document, index, dotted)
        _known_path(dotted, place)
        if dotted in _WHOLE:
            raise complaint(place, f"sweep.{dotted}: {_WHOLE[dotted]}")
        if not values:
            raise complaint(place, f"sweep.{dotted}: is empty: want at least one value")
        *others, last = [rival for rival in _rivals(dotted) if rival in sweep]
        if others and dotted == last:
            raise complaint(place, f"sweeps both {others[0]} and {last}: want one of them")
    return sweep


def _check_count(document: Document, sweeps: list[Sweep], repeat: int) -> None:
    count = sum(math.prod(len(values) for values in sweep.values()) for sweep in sweeps)
    if count * repeat <= _MOST_POINTS:
        return
    want = f"want at most {_MOST_POINTS}"
    if repeat > 1:
        all_of_them = f"repeat: {count} points x {repeat} are {count * repeat}"
        raise complaint(document.place(("repeat",)), f"{all_of_them}: {want} in all")
    place = document.place(("sweep",) if "sweep" in document.data else ("parts",))
    raise complaint(place, f"gives {count} points: {want}")


def _points(
    document: Document, profile: Profile, index: int | None, sweep: Sweep
) -> Iterator[tuple[str, Point]]:
    """Yield each point of a part, with a place to blame: the cross product of its sweep."""
    merged = _merged(document, index)
    part = None if index is None else profile.parts[index]
    for rival in {rival for dotted in sweep for rival in _rivals(dotted)}:
        merged.drop(_split(rival))
    for positions in itertools.product(*(range(len(values)) for values in sweep.values())):
        own = Document(document.source, dict(merged.data), dict(merged.places))
        place = document.source if index is None else document.place(("parts", index, "name"))
        parameters = {}
        for (dotted, values), position in zip(sweep.items(), positions, strict=True):
            place = _sweep_place(document, index, dotted, position)
            parameters[dotted] = values[position]
            own.set(_split(dotted), values[position], place)
        yield place, _point(own, part, parameters)


def _merged(document: Document, index: int | None) -> Document:
    """Return the document of one part: its sections laid over the profile's, key by key."""
    merged = Document(document.source, {}, dict(document.places))
    merged.data = {key: document.data[key] for key in _SECTIONS if key in document.data}
    part = {} if index is None else document.data["parts"][index]
    for section in (key for key in _SECTIONS if key in part):
        for key, value in part[section].items():
            for rival in _rivals(f"{section}.{key}"):
                if rival != f"{section}.{key}":
                    merged.drop(_split(rival))
            inner = value.items() if isinstance(value, dict) else [(None, value)]
            for name, plain in inner:
                path = (section, key) if name is None else (section, key, name)
                merged.set(path, plain, document.place(("parts", index or 0, *path)))
    return merged


def _point(own: Document, part: Part | None, parameters: dict[str, Any]) -> Point:
    own.data |= {
        "id": _point_id(part.name if part else "", parameters),
        "part": part.name if part else "",
        "title": part.title if part else "",
        "parameters": parameters,
    }
    point = _validate(Point, own)
    for path, message in contradictions(point):
        raise complaint(own.place(_split(path)), f"{path}: {message}")
    return point


def _point_id(part: str, parameters: dict[str, Any]) -> str:
    swept = ",".join(f"{path.rpartition('.')[2]}={value}" for path, value in parameters.items())
    return "/".join(text for text in (part, swept.replace(" ", "_")) if text) or "point"


def _sweep_place(document: Document, index: int | None, dotted: str, position: int = 0) -> str:
    own: KeyPath = () if index is None else ("parts", index)
    own = (*own, "sweep", dotted, position)
    return document.place(own if own in document.places else ("sweep", dotted, position))


def _split(dotted: str) -> tuple[str, ...]:
    """Return the keys of a dotted path; a sysctl's own dots belong to its name."""
    return tuple(dotted.split(".", 2))


def _known_path(dotted: str, place: str) -> tuple[str, ...]:
    """Return the keys of a dotted path that a Point really has."""
    keys = _split(dotted)
    if dotted in _WHOLE:
        return keys
    known = ["repeat"] + [
        f"{section}.{name}"
        for section in _SECTIONS
        for name in Point.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
    ]
    head = ".".join(keys[:2])
    is_map = head.endswith("sysctls")
    if head in known and (len(keys) == 3) == is_map:
        return keys
    near = f"{head}.net.ipv4.NAME" if head in known and is_map else nearest(dotted, known)
    hint = f"did you mean {near!r}?" if near else "want a path such as load.rate"
    raise complaint(place, f"no such setting {dotted!r}: {hint}")


def _validate(model: type[Model], document: Document) -> Model:
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise first_complaint(model, document, error) from None
