"""The bounds of a profile and of the command line: each with its points, and where it stands."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tw_bench.profile.complaints import nearest
from tw_bench.profile.document import Document, KeyPath, complaint
from tw_bench.profile.model import Point, Profile
from tw_bench.profile.thresholds import Bound, ThresholdSpec, parse_bound

_FLAG = "--threshold"
_REPETITION = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class AskedBound:
    """A bound that somebody wrote down."""

    bound: Bound
    place: str  # file:line, or the flag
    names: tuple[str, ...] = ()  # parts and ids of the points that it is for; none: every point
    part: str = ""  # the part that it stands in

    def is_for(self, id: str, part: str) -> bool:
        """Whether it is for a point, with all its repetitions: none is named alone."""
        own = {id, part, id.rpartition("#")[0]}
        return (not self.part or self.part == part) and (
            not self.names or bool(own & {*self.names})
        )


@dataclass(frozen=True, slots=True)
class AskedBounds:
    """All bounds of an experiment."""

    thresholds: tuple[AskedBound, ...] = ()  # judged when the run is over
    abort_on: tuple[AskedBound, ...] = ()  # judged while it runs: one that holds ends it


def asked_bounds(
    profile: Profile, document: Document, points: Sequence[Point], flags: Iterable[str]
) -> AskedBounds:
    """Return the bounds that a profile and `--threshold` texts ask for.

    Raises:
        ProfileError: one is not to be read, or is for a point that there is not.
    """
    found = list(_written(profile.thresholds, document, ("thresholds",)))
    for index, part in enumerate(profile.parts):
        path: KeyPath = ("parts", index, "thresholds")
        found += _written(part.thresholds, document, path, part.name)
    aborts = list(_written(profile.abort_on, document, ("abort_on",)))
    found += [_flagged(text) for text in flags]
    for asked, places in [*found, *aborts]:
        if profile.find is not None and places:
            raise complaint(places[0], "points: a search makes its own: want no points named")
        _check_names(asked, places, points)
    return AskedBounds(tuple(asked for asked, _ in found), tuple(asked for asked, _ in aborts))


def _written(
    specs: Sequence[ThresholdSpec], document: Document, path: KeyPath, part: str = ""
) -> Iterator[tuple[AskedBound, list[str]]]:
    """Yield each bound of a list with the places of its names."""
    for index, spec in enumerate(specs):
        own = (*path, index)
        names = tuple(spec.points or ())
        places = [document.place((*own, "points", number)) for number in range(len(names))]
        check = (*own, "check")
        place = document.place(check if check in document.places else own)
        yield AskedBound(spec.check, place, names, part), places


def _flagged(text: str) -> tuple[AskedBound, list[str]]:
    """Return the bound of a flag, `BOUND` or `POINT: BOUND`, as above; no bound has a colon."""
    name, _, bound = text.rpartition(":")
    place = f"{_FLAG} {text if len(text) <= 80 else text[:77] + '...'}"
    try:
        parsed = parse_bound(bound)
    except ValueError as error:
        raise complaint(place, f"{error}, or POINT: METRIC OP VALUE") from None
    names = (name.strip(),) if name else ()
    return AskedBound(parsed, place, names), [place] * len(names)


def _check_names(asked: AskedBound, places: Sequence[str], points: Sequence[Point]) -> None:
    own = [point for point in points if not asked.part or point.part == asked.part]
    known = list(dict.fromkeys(name for p in own for name in (p.part, p.id) if name))
    for name, place in zip(asked.names, places, strict=True):
        if name not in known:
            near = nearest(name, known)
            if (every := _REPETITION.sub("", name)) in known:
                told = f"want {every!r}, for all repetitions: none is bound alone"
                raise complaint(place, f"no such point {name!r}: {told}")
            hint = f"did you mean {near!r}?" if near else f"want one of {', '.join(known)}"
            raise complaint(place, f"no such point {name!r}: {hint}")
