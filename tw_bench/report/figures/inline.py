"""A picture as a part of a page: no ids or styles that another could clash with, colours by name.

matplotlib writes a document of its own: a style on every element, an id on every group, each digit
of a coordinate, and the outlines of all letters. Here styles become classes, shared by all pictures
of a page; so do the letters; ids that nothing refers to go.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from tw_bench.report.figures import palette, style
from tw_bench.report.figures.style import Card, Word

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_LETTER = re.compile(r"DejaVu\w+(-\w+)*-[0-9a-f]+")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_LONG = re.compile(r"-?\d+\.\d{3,}")
_SPACE = re.compile(r"\s*([MLQCZz])\s*")
_PT_IN = 72
_STYLED = ("fill", "stroke", "stroke-width", "opacity")  # where an attribute stands for a style
_PLACES = ("d", "x", "y", "width", "height")  # in points of the picture: two decimals are enough


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the line that explains a picture, and its classes: a colour, and `strong`."""

    text: str
    classes: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture and what it says; the rules and letters are for the page that shows it."""

    id: str
    title: str
    words: list[Said]
    svg: str
    rules: dict[str, str]  # class → declarations
    letters: dict[str, str]  # id → markup


def draw(card: Card, id: str) -> Drawing:
    """Return a card without its head and foot.

    It is labelled by the elements `<id>-title` and `<id>-words`, which the page has.
    """
    for text in card.head_and_foot:
        text.set_visible(False)
    root = ElementTree.fromstring(style.as_svg(card))
    rules: dict[str, str] = {}
    letters = dict(_letters(root))
    _crop(root, card)
    _rename(root, id)
    _tidy(root, rules)
    for group in root:
        _flatten(group)
    root.set("role", "img")
    root.set("aria-labelledby", f"{id}-title {id}-words")
    said = [_said(word) for word in card.words]
    return Drawing(id, card.title, said, _text(root), rules, letters)


def letters_svg(drawings: Sequence[Drawing]) -> str:
    """Return the letters of all pictures, each once, as an element that shows nothing."""
    every: dict[str, str] = {}
    for drawing in drawings:
        every |= drawing.letters
    defs = "".join(every[name] for name in sorted(every))
    return f'<svg class="letters" aria-hidden="true" width="0" height="0"><defs>{defs}</defs></svg>'


def style_sheet(drawings: Sequence[Drawing]) -> str:
    """Return the rules of all pictures."""
    every: dict[str, str] = {}
    for drawing in drawings:
        every |= drawing.rules
    colours = [f".{name}{{color:var(--{name})}}" for name in palette.NAMES]
    return "\n".join([*colours, *(f".{name}{{{every[name]}}}" for name in sorted(every))])


def _said(word: Word) -> Said:
    shade = palette.SHADES.get(word.colour.lower())
    colour = f"fig-{shade.name}" if shade is not None else ""
    return Said(word.text, " ".join(filter(None, (colour, "strong" if word.bold else ""))))


def _crop(root: ElementTree.Element, card: Card) -> None:
    """Show what lies between head and foot, in whatever size the page gives."""
    width, height = float(card.get_figwidth()) * _PT_IN, float(card.get_figheight()) * _PT_IN
    top, bottom = style.HEAD_IN * _PT_IN, style.FOOT_IN * _PT_IN
    root.attrib.clear()
    root.set("viewBox", f"0 {top:g} {width:g} {height - top - bottom:g}")


def _letters(root: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Take the outlines of letters out, wherever they were first needed; yield (id, markup)."""
    for parent in root.iter():
        for defs in parent.findall(f"{_SVG}defs"):
            for one in list(defs):
                name = one.get("id", "")
                if one.tag == f"{_SVG}style":
                    defs.remove(one)
                elif _LETTER.fullmatch(name):
                    defs.remove(one)
                    one.tag, one.tail = "path", None
                    one.set("d", _short(one.get("d", "")))
                    yield name, ElementTree.tostring(one, encoding="unicode")
            if len(defs) == 0:
                parent.remove(defs)
        for metadata in parent.findall(f"{_SVG}metadata"):
            parent.remove(metadata)


def _tidy(root: ElementTree.Element, rules: dict[str, str]) -> None:
    """Make styles classes, round what is a place, and drop what names and namespaces cost."""
    for one in root.iter():
        one.tag = one.tag.removeprefix(_SVG)
        one.attrib.pop("{http://www.w3.org/XML/1998/namespace}space", None)
        if _HREF in one.attrib:
            one.set("href", one.attrib.pop(_HREF))
        for name in _PLACES:
            if name in one.attrib:
                one.set(name, _short(one.attrib[name]))
        declared = [part.strip() for part in one.attrib.pop("style", "").split(";")]
        declared += [f"{name}:{one.attrib.pop(name)}" for name in _STYLED if name in one.attrib]
        text = ";".join(part.replace(": ", ":") for part in declared if part)
        if text:
            _add_class(one, text, rules)


def _add_class(one: ElementTree.Element, declared: str, rules: dict[str, str]) -> None:
    name = f"f{hashlib.sha256(declared.encode()).hexdigest()[:7]}"
    rules[name] = _COLOUR.sub(lambda colour: palette.reference(colour[0]), declared)
    one.set("class", " ".join(filter(None, (one.get("class"), name))))


def _rename(root: ElementTree.Element, id: str) -> None:
    """Drop ids that nothing refers to; make the others this picture's own."""
    used: dict[str, str] = {}

    def own(name: str) -> str:
        return used.setdefault(name, f"{id}-{len(used) + 1}")

    for one in root.iter():
        for key, value in one.attrib.items():
            if key == _HREF and not _LETTER.fullmatch(value[1:]):
                one.set(key, f"#{own(value[1:])}")
            elif "url(#" in value:
                one.set(key, _REFERENCE.sub(lambda name: f"url(#{own(name[1])})", value))
    for one in root.iter():
        name = one.attrib.pop("id", None)
        if name in used:
            one.set("id", used[name])


def _flatten(parent: ElementTree.Element) -> None:
    """Put in the place of each group that says nothing what it holds."""
    children: list[ElementTree.Element] = []
    for child in parent:
        _flatten(child)
        is_plain = child.tag == "g" and not child.attrib
        children += [*child] if is_plain else [child]
    parent[:] = children


def _short(places: str) -> str:
    """Return coordinates with two decimals at the most, and no space that separates nothing.

    >>> _short("M 316.8 364.684563 \\nL 648 92.16 \\nz\\n")
    'M316.8 364.68L648 92.16z'
    """
    rounded = _LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), places)
    return _SPACE.sub(r"\1", rounded).replace("-0 ", "0 ")


def _text(root: ElementTree.Element) -> str:
    for one in root.iter():
        one.tail = None
        if one.text is not None and not one.text.strip():
            one.text = None
    return ElementTree.tostring(root, encoding="unicode")
