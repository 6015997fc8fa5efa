"""Values under the pointer: where they are, what they say, and that a PNG knows nothing of them."""

import io
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes

from tw_bench.report.figures import (
    connect_cost,
    hits,
    percentiles,
    port_range,
    rates,
    remedies,
    style,
    time_wait,
    upstreams,
)
from tw_bench.report.figures.hits import Hit, hit
from tw_bench.report.figures.run_data import arrays
from tw_bench.report.figures.style import Card
from tw_bench.results.reading import load_run

ROOT = Path(__file__).parents[2]
RUNS = sorted(path.parent for path in (ROOT / "results/reference").glob("*/summary.json"))
KINDS = (port_range, remedies, upstreams, time_wait, rates, connect_cost, percentiles)
SVG = "{http://www.w3.org/2000/svg}"
WIDTH_PT, HEIGHT_PT = (72 * size for size in style.SIZE_IN)


def card() -> tuple[Card, Axes]:
    """Return a card with one panel, from 20 % to 80 % of it both ways, 0 to 10 and 1 to 100."""
    figure = style.blank_card("A title", [], ["an origin"])
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    axes.set_xlim(0, 10)
    axes.set_yscale("log")
    axes.set_ylim(1, 100)
    return figure, axes


def tips(svg: str) -> list[ElementTree.Element]:
    """Return the elements of a picture that say something."""
    return [one for one in ElementTree.fromstring(svg).iter() if "data-tip" in one.attrib]


def test_a_mark_is_met_where_it_is_drawn() -> None:
    """Two numbers are a circle around their place, on a linear axis and on a logarithmic one."""
    with style.settings():
        figure, axes = card()
        hit(axes, 5, 10, "the middle")
        (one,) = tips(style.as_svg(figure))
    assert one.tag == f"{SVG}circle"
    assert float(one.attrib["cx"]) == pytest.approx(WIDTH_PT / 2, abs=0.1)
    assert float(one.attrib["cy"]) == pytest.approx(HEIGHT_PT / 2, abs=0.1)
    assert one.attrib["data-tip"] == "the middle"


def test_a_mark_in_a_crowd_has_what_is_nearest_to_it() -> None:
    """Circles do not cover each other, however near, and one that is alone keeps its size."""
    with style.settings():
        figure, axes = card()
        for x in (5, 5.1, 5.2, 9):
            hit(axes, x, 10, f"{x}")
        found = [
            (float(one.attrib["cx"]), float(one.attrib["r"])) for one in tips(style.as_svg(figure))
        ]
    assert found[-1][1] == 8
    for (left, radius), (right, other) in pairwise(found):
        assert right - left >= (radius + other) * 0.95


@pytest.mark.parametrize(
    ("x", "y", "box"),
    [
        ((0, 5), None, (0.2, 0.2, 0.3, 0.6)),
        (None, (10, 100), (0.2, 0.2, 0.6, 0.3)),
        ((5, 50), (0.1, 10), (0.5, 0.5, 0.3, 0.3)),  # no farther than the panel goes
        ((10, 5), (10, 1), (0.5, 0.5, 0.3, 0.3)),  # whichever end is named first
    ],
)
def test_a_strip_is_as_large_as_it_says(
    x: hits.Place, y: hits.Place, box: tuple[float, float, float, float]
) -> None:
    """From and to, or from end to end of the panel; the box is in shares of the card."""
    with style.settings():
        figure, axes = card()
        hit(axes, x, y, "here")
        (one,) = tips(style.as_svg(figure))
    assert one.tag == f"{SVG}rect"
    for name, share, whole in zip(
        ("x", "y", "width", "height"), box, (WIDTH_PT, HEIGHT_PT) * 2, strict=True
    ):
        assert float(one.attrib[name]) == pytest.approx(share * whole, abs=0.1), name


def test_the_text_is_text_whatever_it_holds() -> None:
    """Twice, with its lines, and never markup."""
    said = 'ports="<script>alert(1)</script>" & more\n1 < 2'
    with style.settings():
        figure, axes = card()
        hit(axes, 1, 2, said)
        svg = style.as_svg(figure)
    (one,) = tips(svg)
    assert one.attrib["data-tip"] == said
    assert one.findtext(f"{SVG}title") == said
    assert "<script>" not in svg


def test_only_the_svg_knows_of_them() -> None:
    """The PNG is the same to the last byte; and so is the SVG, but for what was added."""
    drawn = []
    for is_hit in (True, False):
        with style.settings():
            figure, axes = card()
            axes.plot((1, 9), (2, 50))
            if is_hit:
                hit(axes, 1, 2, "begin")
                hit(axes, (2, 3), None, "then")
            svg, file = style.as_svg(figure), io.BytesIO()
            assert style.as_svg(figure) == svg, "two times, two documents"
            figure.savefig(file, format="png", metadata=style.METADATA[".png"])
            drawn.append((svg, file.getvalue()))
    (with_hits, png), (without, same_png) = drawn
    assert png == same_png
    before, _, after = with_hits.partition('<g class="tips"')
    assert before + after.partition("</g>\n")[2] == without


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
def test_every_picture_of_a_run_says_its_values(folder: Path) -> None:
    """In each there are some and not too many, and each lies in the picture and says something."""
    run = arrays(load_run(folder))
    with style.settings():
        for name, figure in (picture for kind in KINDS for picture in kind.draw(run)):
            count = len(figure.findobj(Hit))
            found = tips(hits.with_hits(figure, f'<svg xmlns="{SVG[1:-1]}"></svg>'))
            assert len(found) == count
            assert 0 < count <= hits.MOST, name
            for one in found:
                assert one.attrib["data-tip"].strip()
                assert "nan" not in one.attrib["data-tip"].split(), one.attrib
                x = float(one.attrib.get("cx") or one.attrib["x"])
                y = float(one.attrib.get("cy") or one.attrib["y"])
                assert 0 <= x <= WIDTH_PT, one.attrib
                assert 0 <= y <= figure.get_figheight() * 72, one.attrib
