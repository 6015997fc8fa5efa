"""The picture of a plan: it shows what the model says, whatever the plan, and it is readable."""

from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tests.unit.machines import SMALL
from tw_bench.errors import ProfileError, ResultsError
from tw_bench.plan import walls
from tw_bench.plan.capacity_plan import CapacityPlan, make_capacity_plan
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment, of_host
from tw_bench.plan.presets import PRESETS
from tw_bench.profile.quantities import PortRange
from tw_bench.report.figures import capacity, capacity_panel, style
from tw_bench.report.figures.capacity import draw_capacity
from tw_bench.report.figures.capacity_curve import curve

HOST = replace(of_host(SMALL), somaxconn=4_096, max_tw_buckets=131_072)
ASKED = Demand(rate_per_s=3_000, destinations=2, response_time_s=0.008)


def ports(low: int, high: int, **more: Any) -> Environment:
    """Return the host with another range."""
    return replace(HOST, ports=PortRange(low, high), **more)


CASES: dict[str, tuple[Demand, Environment]] = {
    "too much": (ASKED, HOST),
    "fits": (replace(ASKED, rate_per_s=300), HOST),
    "no rate": (replace(ASKED, rate_per_s=None), HOST),
    "hardly a rate": (Demand(rate_per_s=0.001), HOST),
    "server closes": (replace(ASKED, active_closer="server"), HOST),
    "soft wall": (ASKED, replace(HOST, max_tw_buckets=10_000)),
    "two walls": (ASKED, replace(HOST, max_tw_buckets=20_000, conntrack_max=65_536)),
    "conntrack": (ASKED, replace(HOST, conntrack_max=65_536)),
    "far too much": (
        replace(ASKED, rate_per_s=1e6, response_time_s=60),
        ports(40_000, 40_199),
    ),
    "tiny": (Demand(rate_per_s=1, response_time_s=30), ports(40_000, 40_001)),
    "one port": (Demand(rate_per_s=1), ports(40_000, 40_000)),
    "odd range": (Demand(rate_per_s=600), ports(40_000, 40_032)),
    "widest": (ASKED, ports(1_024, 65_535)),
    "every port": (ASKED, ports(1, 65_535)),
    "no ports": (ASKED, replace(HOST, taken=(range(65_536),))),
    "no descriptors": (ASKED, replace(HOST, open_files=10)),
    "nothing at all": (Demand(), replace(HOST, open_files=10, taken=(range(65_536),))),
    "bind": (
        replace(ASKED, source_port="bind_zero"),
        replace(HOST, timestamps=False, taken=(range(40_000, 45_000),)),
    ),
    "kept": (replace(ASKED, requests_per_connection=200), HOST),
    "loopback": (Demand(rate_per_s=50_000, loopback=True), HOST),
    "by a hair": (Demand(rate_per_s=900), PRESETS["aws-nat-gateway"]),
    **{name: (ASKED, preset) for name, preset in PRESETS.items()},
}


@cache
def a_plan(name: str) -> CapacityPlan:
    """Return the plan of a case."""
    return make_capacity_plan(*CASES[name])


@cache
def picture(name: str) -> Figure:
    """Return the picture of a case, which no test may change."""
    return drawn(a_plan(name))


def drawn(plan: CapacityPlan) -> Figure:
    """Return the picture of a plan, drawn once so that everything has its place."""
    with style.settings():
        figure = capacity.figure(plan)
        figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[Text]:
    """Return the texts that are seen, the figures on the axes among them."""
    found = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    axes = figure.axes[0]
    ticks = [*axes.get_xticklabels(minor=True), *axes.get_yticklabels(minor=True)]
    return [text for text in found if text.get_text() and text.get_visible() and text not in ticks]


def said(plan: CapacityPlan | str) -> str:
    """Return every text in the picture of a plan, or of a case."""
    figure = picture(plan) if isinstance(plan, str) else drawn(plan)
    return "\n".join(text.get_text() for text in texts(figure))


def lines(axes: Axes) -> list[Line2D]:
    """Return what texts stay clear of: all but the dotted line that a halo may interrupt."""
    return [line for line in axes.lines if line.get_linestyle() != ":"]


def ends(line: Line2D) -> list[tuple[float, float]]:
    """Return the places that a line joins; a single one is a mark."""
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


@pytest.mark.parametrize("name", CASES)
class TestEveryPlan:
    def test_no_text_covers_another(self, name):
        """Each text has its place to itself, and none runs over the edge of the card."""
        figure = picture(name)
        found = [(text, text.get_window_extent().padded(-1)) for text in texts(figure)]
        for (one, box), (other, second) in combinations(found, 2):
            assert not box.overlaps(second), (one, other)
        for text, box in found:
            assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, text
            assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, text

    def test_no_text_covers_a_line(self, name):
        """What is written in the panel stands beside lines and marks, and inside of the frame."""
        (axes,) = picture(name).axes
        frame = axes.get_window_extent()
        for text in axes.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1, text
            assert frame.y0 <= box.y0 <= box.y1 <= frame.y1, text
            for line in lines(axes):
                path = line.get_transform().transform_path(line.get_path())
                assert not path.intersects_bbox(box.padded(-1), filled=False), (text, line)

    def test_every_wall_inside_is_named(self, name):
        """A line without a name says nothing."""
        plan = a_plan(name)
        (axes,) = picture(name).axes
        named = {text.get_text().split(":")[0] for text in axes.texts}
        low, high = axes.get_ylim()
        for line in curve(plan).lines:
            inside = [limit for limit in line.limits_per_s if low * 1.3 < limit < high / 1.3]
            if len(inside) > len(line.ports) / 4:
                assert line.name in named

    def test_the_limit_is_the_models(self, name):
        """At every number of ports the curve is what the model says of so many."""
        demand, environment = CASES[name]
        found = curve(a_plan(name))
        assert found.ports == sorted(set(found.ports))
        for count, limit in zip(found.ports, found.limits_per_s, strict=True):
            asked = replace(environment, ports=PortRange(65_536 - count, 65_535), taken=())
            assert limit == walls.limit_per_s(demand, asked)

    def test_each_remedy_is_a_point_and_a_name(self, name):
        """At its ports and its limit: filled where it is enough, hollow where it is not."""
        plan, figure = a_plan(name), picture(name)
        (axes,) = figure.axes
        names = [text.get_text() for text in figure.texts]
        points = {ends(line)[0]: line for line in lines(axes) if len(ends(line)) == 1}
        for remedy in plan.remedies:
            assert remedy.name in names
            if remedy.limit_per_s < axes.get_ylim()[1]:
                point = points[remedy.ports, remedy.limit_per_s]
                is_hollow = to_hex(str(point.get_markerfacecolor())) == "#ffffff"
                assert is_hollow is (remedy.is_enough is False)


class TestWhatItSays:
    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("too much", "3,000/s are asked, the ports carry 909.9/s"),
            ("fits", "The ports carry 909.9/s, 3.0 times the 300/s that are asked"),
            ("no rate", "The ports carry 909.9/s"),
            ("conntrack", "3,000/s are asked, conntrack carries 546.1/s"),
            ("soft wall", "3,000/s are asked, the TIME_WAIT buckets hold 161.1/s"),
            ("widest", "3,000/s are asked, the port search carries 1,453/s"),
            ("no ports", "3,000/s are asked, the ports carry nothing"),
            ("nothing at all", "The ports carry nothing"),
            ("by a hair", "900/s are asked, the ports carry just short of it"),
        ],
    )
    def test_the_title_is_the_finding(self, name, title):
        """What is asked, what carries how much, and which wall that is."""
        assert title in said(name)

    def test_just_enough(self):
        """A limit that reads like the rate is not called so many times the rate."""
        plan = make_capacity_plan(Demand(rate_per_s=899.99), PRESETS["aws-nat-gateway"])
        assert "The ports carry 900/s, just what is asked" in said(plan)

    def test_a_wall_without_words_of_its_own(self):
        """A wall that was added to the model and not here is named all the same."""
        plan = replace(a_plan("too much"), binding="new wall")
        assert "3,000/s are asked, new wall: 909.9/s" in said(plan)

    def test_the_rate_is_a_line(self):
        """Where a rate is asked it is drawn at its height; where none is there is no line."""
        text = said("too much")
        assert "asked: 3,000/s" in text
        (axes,) = picture("too much").axes
        assert [3_000, 3_000] in [[y for _, y in ends(line)] for line in axes.lines]
        text = said("no rate")
        assert "asked" not in text
        assert "what a change would carry" in text

    def test_what_the_marks_mean(self):
        """Only what is there is explained."""
        text = said("too much")
        assert "● a change that is enough" in text
        assert "○ one that is not" in text
        assert "unprotected" not in text
        assert "far above" not in text
        assert "○ a change that is not enough" in said("far too much")
        assert "▼ now" in said("no ports")

    def test_a_wall_that_refuses_nothing_is_dashed(self):
        """TIME_WAIT buckets: what is above goes through, up to the next wall that refuses."""
        plan = a_plan("soft wall")
        (axes,) = picture("soft wall").axes
        (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
        assert pytest.approx(plan.limit_per_s) == np.nanmax(np.asarray(dashed.get_ydata(), float))
        assert "above: not refused, but unprotected" in said("soft wall")
        assert "TIME_WAIT buckets: 161.1/s" in said("soft wall")
        assert "nothing is refused" in said("soft wall")

    def test_a_jump_is_found_to_the_port(self):
        """10,000 buckets hold what 5,000 ports towards two destinations leave, and no more."""
        found = curve(a_plan("soft wall"))
        refused = dict(zip(found.ports, found.refused_from_per_s, strict=True))
        assert refused[5_000] == pytest.approx(161.1, rel=1e-3)
        assert refused[5_001] == 40_960

    def test_a_limit_far_above_is_shown_at_the_edge(self):
        """One remedy that lifts the limit a hundred thousand times does not flatten the rest."""
        demand = Demand(rate_per_s=0.5)
        environment = ports(40_000, 40_011, linux=None, open_files=None, somaxconn=None)
        plan = make_capacity_plan(demand, environment)
        text = said(plan)
        assert "24,000/s" in text
        assert "▲ far above" in text
        assert drawn(plan).axes[0].get_ylim()[1] < 24_000

    def test_the_axis_reaches_the_fewest_and_the_most(self):
        """From a tenth of the present ports, or 2,000, to all that there can be."""
        for name, low, high in (("too much", 2_000, 64_512), ("far too much", 20, 64_512)):
            assert (low, high) == (curve(a_plan(name)).ports[0], curve(a_plan(name)).ports[-1])
        assert curve(a_plan("every port")).ports[-1] == 65_535

    def test_whose_ports(self):
        """The axis says what has so many ports."""
        assert "usable ports of one source address" in said("macos")
        assert "usable ports of one gateway address" in said("aws-nat-gateway")
        assert "1 gateway address, 2 destinations" in said("aws-nat-gateway")
        assert "usable ports of the host" in said("windows")

    def test_origin(self):
        """The foot says where the figures are from: a host's kernel, a preset's source."""
        text = said("too much")
        assert "this host   ·   Linux 6.18   ·   HZ 250   ·   tw-bench " in text
        text = said("macos")
        assert "macos   ·   tw-bench " in text
        assert PRESETS["macos"].source in text

    def test_nothing_helps(self):
        """A plan without remedies says so."""
        assert "No single change lifts it" in said(replace(a_plan("fits"), remedies=[]))

    def test_more_remedies_than_two_lines_have_room_for(self):
        """Then each has one line, and none covers another."""
        plan = a_plan("too much")
        figure = drawn(replace(plan, remedies=plan.remedies * 2))
        found = [text for text in figure.texts if text.get_text() == "a wider range"]
        assert len(found) == 2
        assert "ip_local_port_range 1024 65535" not in [t.get_text() for t in figure.texts]
        boxes = [text.get_window_extent().padded(-1) for text in texts(figure)]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))

    def test_the_heights_hold_all_that_is_said(self):
        """What is asked, what is carried and every remedy that is near lie inside."""
        for name in CASES:
            plan = a_plan(name)
            low, high = capacity_panel.heights(plan, curve(plan))
            for rate in filter(None, (plan.limit_per_s, plan.demand.rate_per_s)):
                assert low < rate < high


class TestTheFile:
    @pytest.mark.parametrize("name", ["too much", "no rate", "two walls", "no ports", "macos"])
    def test_it_is_written(self, name, tmp_path):
        """A picture of 1600 by 900, without a warning."""
        path = draw_capacity(a_plan(name), tmp_path / "plan.png")
        header = path.read_bytes()[:24]
        assert (1600, 900) == tuple(int.from_bytes(header[at : at + 4], "big") for at in (16, 20))

    @pytest.mark.parametrize("suffix", [".svg", ".png", ".SVG"])
    def test_the_same_plan_gives_the_same_bytes(self, suffix, tmp_path):
        """And no other text in it than the plan's: no date."""
        path = tmp_path / f"plan{suffix}"
        assert draw_capacity(a_plan("too much"), path) == path
        first = path.read_bytes()
        draw_capacity(a_plan("too much"), path)
        assert path.read_bytes() == first

    def test_the_vectors_need_no_font(self, tmp_path):
        """A text is drawn as paths, so that it reads the same in every viewer."""
        root = ElementTree.fromstring(
            draw_capacity(a_plan("too much"), tmp_path / "a.svg").read_bytes()
        )
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not list(root.iter("{http://www.w3.org/2000/svg}text"))

    @pytest.mark.parametrize("name", ["x.pdf", "x", "x.svgz"])
    def test_another_format(self, name, tmp_path):
        """It is refused before anything is drawn or written."""
        with pytest.raises(ProfileError, match=r"got '.*': want a path that ends in \.svg or \.pn"):
            draw_capacity(a_plan("fits"), tmp_path / name)
        assert not list(tmp_path.iterdir())

    def test_no_such_folder(self, tmp_path):
        """No folder is made: a wrong path is rather a slip than a wish."""
        path = tmp_path / "none" / "x.svg"
        with pytest.raises(ResultsError) as caught:
            draw_capacity(a_plan("fits"), path)
        assert str(caught.value) == f"{path}: there is no folder {path.parent}"

    @pytest.mark.parametrize("where", ["folder", "kernel"])
    def test_what_cannot_be_written(self, where, tmp_path):
        """One line that names the file and the reason."""
        path = Path("/proc/tw-bench.png") if where == "kernel" else tmp_path / "x.svg"
        if where == "folder":
            path.mkdir()
        with pytest.raises(ResultsError) as caught:
            draw_capacity(a_plan("fits"), path)
        assert str(caught.value).startswith(f"{path}: cannot be written: ")
        assert "\n" not in str(caught.value)
