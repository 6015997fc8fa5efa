"""How wide a text is without a font at hand, and where its lines break."""

import unicodedata
from collections.abc import Callable

_NARROW = frozenset("iljtfrI.,:;'|!()[] ")
_WIDE = frozenset("mwMW@%—")
_MONO = 0.62  # of the size: every letter of a monospaced font
_LONGEST = 400  # characters of a text that is shown


def width(text: str, size: float) -> float:
    """Return about how wide a text is in px, in a common sans of `size` px.

    As in DejaVu Sans, the widest of those that a reader may have.
    """
    return size * sum(map(_share, text))


def _share(letter: str) -> float:
    if letter in _NARROW:
        return 0.37
    if letter in _WIDE or unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.7 if letter.isupper() or letter == "_" else 0.605


def wrap(text: str, room: float, size: float, *, is_mono: bool = False) -> list[str]:
    """Return the lines of a text, each narrower than `room` px; what is endless ends in …"""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1].rstrip()}…"

    def fits(line: str) -> bool:
        return (_MONO * size * len(line) if is_mono else width(line, size)) <= room

    lines: list[str] = []
    for word in text.split():
        for part in _parts(word, fits):
            if lines and fits(f"{lines[-1]} {part}"):
                lines[-1] += f" {part}"
            else:
                lines.append(part)
    return lines


def _parts(word: str, fits: Callable[[str], bool]) -> list[str]:
    """Return a word in pieces that fit; whole, where it does."""
    parts = [""]
    for letter in word:
        if parts[-1] and not fits(parts[-1] + letter):
            parts.append("")
        parts[-1] += letter
    return parts
