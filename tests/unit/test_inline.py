"""A picture as a part of a page: its colours, its ids, its letters."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit import synthetic
from tests.unit.synthetic import write_run
from tw_bench.report.figures import draw_inline, inline, palette, style
from tw_bench.report.figures.inline import Drawing
from tw_bench.results.reading import load_run

ROOT = Path(__file__).parents[2]
REFERENCES = sorted(path.parent for path in (ROOT / "results/reference").glob("*/summary.json"))
CURVE = ROOT / "results/reference/port-range-curve"
READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3
SEEN = 3.0  # 1.4.11: what is drawn
TEXTS = ("ink", "muted", "lapsed", "blue")
GROUNDS = ("card", "plot", "shade", "lapse-plot", "lapse-shade")


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def literals(drawing: Drawing) -> set[str]:
    """Return the colours of a drawing that have no name."""
    named = re.sub(r"var\([^)]*\)", "", " ".join(drawing.rules.values()))
    return set(re.findall(r"#[0-9a-fA-F]{3,8}\b", named + drawing.svg.replace('"#', '"')))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_are_readable_on_every_ground(dark: bool) -> None:
    """Four and a half to one, on the card and on every shade of a panel."""
    shades = {shade.name: shade.dark if dark else shade.light for shade in palette.SHADES.values()}
    texts = [name for name in shades if name in TEXTS or name.endswith("-text")]
    low = {
        (text, ground): round(ratio, 2)
        for text in texts
        for ground in GROUNDS
        if (ratio := contrast(shades[text], shades[ground])) < READABLE
    }
    assert low == {}
    assert contrast(shades["ink"], shades["banner"]) >= READABLE


def test_marks_are_seen_in_the_dark() -> None:
    """Three to one on the plot, for every colour that something is drawn with."""
    shades = palette.SHADES
    drawn = [style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILLION, style.PURPLE]
    for colour in [*drawn, style.FAINT, *style.STEPS]:
        plot = shades[style.PLOT.lower()].dark
        assert contrast(shades[colour.lower()].dark, plot) >= SEEN, colour


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda path: path.name)
def test_every_colour_has_a_name(folder: Path) -> None:
    """A literal one would be of the light page only."""
    for drawing in draw_inline(load_run(folder), "run-1"):
        assert literals(drawing) == set(), drawing.id
        assert "style=" not in drawing.svg


@pytest.mark.parametrize(
    "points",
    [
        synthetic.curve(),
        synthetic.quickstart(),
        synthetic.remedies(),
        synthetic.upstreams(),
        synthetic.interrupted(),
    ],
    ids=["curve", "quickstart", "remedies", "upstreams", "interrupted"],
)
def test_no_kind_of_run_draws_in_another_colour(
    points: list[synthetic.Asked], tmp_path: Path
) -> None:
    """All kinds of pictures, failed and unmeasured points with them."""
    drawings = draw_inline(load_run(write_run(tmp_path, points, "failed")), "run-1")
    assert drawings
    assert {literal for drawing in drawings for literal in literals(drawing)} == set()


@pytest.fixture(scope="module")
def drawings() -> list[Drawing]:
    """The pictures of the committed curve."""
    return draw_inline(load_run(CURVE), "run-7")


class TestCurve:
    def test_ids_are_its_own(self, drawings: list[Drawing]) -> None:
        """Each begins with the picture's, and is referred to; a letter is the page's."""
        for drawing in drawings:
            root = ElementTree.fromstring(drawing.svg)
            ids = [id for one in root.iter() if (id := one.get("id")) is not None]
            assert len(ids) == len(set(ids))
            assert all(id.startswith(f"{drawing.id}-") for id in ids)
            used = {href[1:] for one in root.iter() if (href := one.get("href")) is not None}
            assert used <= {*ids, *drawing.letters}

    def test_letters_are_there_once(self, drawings: list[Drawing]) -> None:
        """All pictures share one set of outlines."""
        svg = inline.letters_svg(drawings)
        ids = re.findall(r'id="([^"]+)"', svg)
        assert len(ids) == len(set(ids))
        assert set(ids) == {name for drawing in drawings for name in drawing.letters}

    def test_it_is_labelled_by_what_the_page_says(self, drawings: list[Drawing]) -> None:
        """The finding and the words are handed over, and not drawn a second time."""
        first = drawings[0]
        root = ElementTree.fromstring(first.svg)
        assert first.title == "28,232 ports let 459.5/s through, not 500"
        assert root.get("aria-labelledby") == f"{first.id}-title {first.id}-words"
        assert first.words[0].text == "● 8 port-bound"
        assert first.words[0].classes == "fig-blue strong"

    def test_it_is_smaller_than_the_file(self, drawings: list[Drawing]) -> None:
        """By a third at least: no styles, no names, two decimals."""
        for drawing in drawings:
            name = drawing.id.removeprefix("run-7-")
            if name in ("port-range", "rates"):
                file = CURVE / f"figures/{name}.svg"
                assert len(drawing.svg) < 0.75 * file.stat().st_size

    def test_it_is_the_same_each_time(self, drawings: list[Drawing]) -> None:
        """Byte for byte."""
        assert draw_inline(load_run(CURVE), "run-7") == drawings
