"""What the colours of the pictures become in the dark: CSS custom properties for a page."""

from typing import NamedTuple

from tw_bench.report.figures import style


class Shade(NamedTuple):
    """A colour of the pictures: its custom property, and its value on a light and a dark page."""

    name: str
    light: str
    dark: str


_SHADES = [
    Shade("card", style.CARD, "#1B1D21"),
    Shade("plot", style.PLOT, "#15171A"),
    Shade("grid", style.GRID, "#2E3238"),
    Shade("shade", style.SHADE, "#23262B"),
    Shade("lapse-plot", style.TIME_LAPSE_PLOT, "#1F1B12"),
    Shade("lapse-shade", style.TIME_LAPSE_SHADE, "#2F2613"),
    Shade("banner", style.BANNER, "#5A4200"),
    Shade("wrong-face", style.WRONG_FACE, "#4A2412"),
    Shade("ink", style.INK, "#ECECEA"),
    Shade("muted", style.MUTED, "#A9AFB7"),
    Shade("faint", style.FAINT, "#7D838B"),
    Shade("lapsed", style.LAPSED, "#E5AE4E"),
    Shade("blue", style.BLUE, "#4FA8E0"),
    Shade("sky", style.SKY, "#3B84B1"),
    Shade("green", style.GREEN, "#1FB68C"),
    Shade("orange", style.ORANGE, "#E69F00"),
    Shade("vermillion", style.VERMILLION, "#EE7733"),
    Shade("purple", style.PURPLE, "#D58FB5"),
    Shade("sky-text", style.as_text(style.SKY), "#7CC4EE"),
    Shade("green-text", style.as_text(style.GREEN), "#4CC9A4"),
    Shade("orange-text", style.as_text(style.ORANGE), "#EDB54A"),
    Shade("vermillion-text", style.as_text(style.VERMILLION), "#F59B66"),
    Shade("purple-text", style.as_text(style.PURPLE), "#DFA5C5"),
]
# The same scale, from its middle to its yellow end: many is what stands out.
_STEPS_IN_THE_DARK = (
    "#287C8E", "#20928C", "#23A983", "#3FBC73", "#6CCD5A", "#9FDA3A", "#D0E11C", "#FDE725",
)  # fmt: skip
_SHADES += [
    Shade(f"step-{number}", light, dark)
    for number, (light, dark) in enumerate(zip(style.STEPS, _STEPS_IN_THE_DARK, strict=True), 1)
]
_SHADES += [
    Shade("step-1-text", style.as_text(style.STEPS[0]), "#5FB3C6"),
    Shade("step-2-text", style.as_text(style.STEPS[1]), "#3DBBB4"),
    Shade("step-3-text", style.as_text(style.STEPS[2]), "#35C19A"),
    Shade("step-4-text", style.as_text(style.STEPS[3]), "#3FBC73"),
]

NAMES = [f"fig-{shade.name}" for shade in _SHADES]
SHADES = {shade.light.lower(): shade for shade in _SHADES}


def reference(colour: str) -> str:
    """Return a colour as a style sheet refers to it: by name, where it has one.

    >>> reference("#0072B2"), reference("#123456")
    ('var(--fig-blue,#0072b2)', '#123456')
    """
    shade = SHADES.get(colour.lower())
    return colour if shade is None else f"var(--fig-{shade.name},{shade.light.lower()})"


def properties(*, dark: bool) -> str:
    """Return the declarations of all the colours."""
    return "".join(
        f"--fig-{shade.name}:{(shade.dark if dark else shade.light).lower()};" for shade in _SHADES
    )
