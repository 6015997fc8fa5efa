"""YAML text → plain data, and for every value the place where it was written.

The only importer of the YAML library. A profile is maps, lists and scalars: what else YAML can
say (anchors that unfold into billions of values, tags that make objects, keys that are maps,
a thousand levels) is refused by name and line.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tw_bench.errors import ProfileError

_DEEPEST = 8  # levels; a part's sysctl is on the fifth
_LONGEST_NUMBER = 30  # characters; a longer one is kept as the text it is
_LONGEST_LINE = 500  # characters of a message
_TAG = "tag:yaml.org,2002:"

KeyPath = tuple[str | int, ...]
Places = dict[KeyPath, str]
PlaceOf = Callable[[int], str]  # line, from 0 → place


@dataclass
class Document:
    """Plain data, and for each path the place where it was written (`profiles/x.yaml:14`)."""

    source: str
    data: dict[str, Any]
    places: Places = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Return where the path was written, or something below it, or the nearest one above."""
        for known, place in self.places.items():
            if known[: len(path)] == path:
                return place
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, self.source)

    def set(self, path: tuple[str, ...], value: Any, place: str) -> None:
        """Write a value at a path of keys, making the maps on the way."""
        self._map_above(path)[path[-1]] = value
        self.places[path] = place

    def drop(self, path: tuple[str, ...]) -> None:
        """Forget the value at a path of keys."""
        self._map_above(path).pop(path[-1], None)

    def _map_above(self, path: tuple[str, ...]) -> dict[str, Any]:
        """Return the map that holds the last key, a copy that is only ours; forget its places."""
        self.places = {p: w for p, w in self.places.items() if p[: len(path)] != path}
        node = self.data
        for key in path[:-1]:
            node[key] = node = dict(node.get(key) or {})
        return node


def complaint(place: str, text: str) -> ProfileError:
    """Return the error that says, on one line and in printable characters, what is wrong where."""
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode()
        for c in f"{place}: {text}"
    )
    return ProfileError(line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}...")


def parse(text: str, source: str) -> Document:
    """Return the document that a profile's text holds.

    Raises:
        ProfileError: the text is not YAML, or YAML that a profile has no use for.
    """

    def place_of(line: int) -> str:
        return f"{source}:{line + 1}"

    root = _compose(text, source, place_of)
    if not isinstance(root, MappingNode):
        found = "is empty" if root is None else f"holds {_kind(root)}"
        raise complaint(source, f"{found}: want a map that begins with title:")
    document = Document(source, {})
    document.data = _plain(root, (), document.places, place_of)
    return document


def parse_value(text: str, place: str) -> Any:
    """Return the plain value that a piece of YAML holds, such as the right side of a --set.

    Raises:
        ProfileError: as of `parse`.
    """
    root = _compose(text, place, lambda _: place)
    return None if root is None else _plain(root, (), {}, lambda _: place)


def _compose(text: str, source: str, place_of: PlaceOf) -> Node | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of anchors, which are refused anyway
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        return root
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if problem.startswith("but "):  # the library splits this sentence in two
            problem = f"{getattr(error, 'context', '')}, {problem}"
        place = place_of(mark.line) if mark else source
        raise complaint(place, f"not YAML: {problem.splitlines()[0]}") from error
    except RecursionError:
        raise complaint(source, "is nested too deeply to be a profile") from None


def _plain(node: Node, path: KeyPath, places: Places, place_of: PlaceOf) -> Any:
    """Return the node as plain data, and note the place of every value below it."""
    place = place_of(node.start_mark.line)
    if len(path) > _DEEPEST:
        raise complaint(place, "is nested too deeply to be a profile")
    if node.anchor:
        raise complaint(place, f"has an anchor (&{node.anchor}): write the value out")
    if isinstance(node, ScalarNode):
        return _scalar(node, place)
    if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
        raise _tagged(node, place)
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            places[*path, index] = place_of(item.start_mark.line)
        return [_plain(item, (*path, i), places, place_of) for i, item in enumerate(node.value)]
    return _map(node, path, places, place_of)


def _map(node: Node, path: KeyPath, places: Places, place_of: PlaceOf) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key_node, value in node.value:
        place = place_of(key_node.start_mark.line)
        key = _plain(key_node, path, {}, place_of)
        if not isinstance(key, str):
            raise complaint(place, f"the key {key!r} is not text: want the name of a setting")
        if key in plain:
            raise complaint(place, f"the key {key!r} is there twice (see {places[*path, key]})")
        places[*path, key] = place
        plain[key] = _plain(value, (*path, key), places, place_of)
    return plain


def _scalar(node: ScalarNode, place: str) -> Any:
    kind = str(node.tag).removeprefix(_TAG)
    if kind in ("str", "timestamp", "merge", "value"):  # a date is text here, and so is `<<`
        return node.value
    if kind not in ("int", "float", "bool", "null"):
        raise _tagged(node, place)
    if len(node.value) > _LONGEST_NUMBER:
        return node.value
    try:
        return YAML(typ="safe", pure=True).constructor.construct_object(node)
    except (ValueError, LookupError, YAMLError) as error:
        raise complaint(place, f"{node.value!r} is not what its tag !!{kind} says") from error


def _tagged(node: Node, place: str) -> ProfileError:
    tag = str(node.tag).replace(_TAG, "!!")
    return complaint(place, f"has the tag {tag}: want plain text, numbers, lists and maps")


def _kind(node: Node) -> str:
    return "a list" if isinstance(node, SequenceNode) else f"the text {node.value[:40]!r}"
