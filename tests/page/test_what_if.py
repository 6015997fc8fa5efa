"""The what-if panel in a real browser: its figures are those of the model in Python."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pytest
from playwright.sync_api import Browser, Page

from tests.unit.machines import SMALL
from tw_bench.plan import walls
from tw_bench.plan.capacity_plan import make_capacity_plan
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment, of_host
from tw_bench.profile.contradictions import contradictions
from tw_bench.profile.model import Point
from tw_bench.profile.quantities import PortRange
from tw_bench.report.page import what_if_rules as rules
from tw_bench.report.page.what_if import Own, answer, number, what_if
from tw_bench.results.reading import LoadedRun, load_run
from tw_bench.results.schema import Found, ProbeResult

ROOT = Path(__file__).parents[2]
SIDES = {"client": "client", "server": "server"}
RUNS = sorted(path.parent for path in (ROOT / "results/reference").glob("*/summary.json"))
PAGE = files("tw_bench.report.page")
SCRIPT = PAGE.joinpath("what_if.js").read_text()

_EVERY = """([places, cases]) => cases.map(([place, asked]) => {
  const of = twModel.answer(places[place], asked);
  return {...of, words: twModel.words({client: "client", server: "server"}, asked, of)};
})"""


def html(run: LoadedRun) -> str:
    """Return a page that is the panel of a run and nothing else."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("tw_bench.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    shown = what_if(run)
    assert shown is not None
    panel = templates.get_template("what_if.html.j2").render(what_if=shown, anchor="a")
    title = "<!doctype html><html lang=en><meta charset=utf-8><title>what if</title>"
    return f"{title}<body>{panel}<script>{SCRIPT}</script>"


@pytest.fixture(scope="module")
def shared(browser: Browser) -> Iterator[Page]:
    """A page that has the script, for tests that only calculate."""
    context = browser.new_context()
    page = context.new_page()
    page.set_content(f"<script>{SCRIPT}</script>")
    yield page
    context.close()


def environments() -> Iterator[Environment]:
    """Yield places of every kind that a lab or a host can be."""
    for kernel, hz in (("6.18.0", 250), ("6.1.0", 1000), ("5.10.0", 100)):
        host = of_host(replace(SMALL, kernel=kernel, hz=hz))
        yield host
        yield replace(host, max_tw_buckets=5_000)
        yield replace(host, conntrack_max=65_536, timestamps=False)
        yield replace(host, taken=(range(40_001, 40_010),), open_files=70, somaxconn=128)
    yield replace(of_host(SMALL), cpus=None, open_files=None, tw_reuse_delay_ms=50)


def demands() -> Iterator[Demand]:
    """Yield ways to get a port and to close, on every kind of path."""
    for source_port in ("autobind", "bind_zero", "explicit_random", "socket_range"):
        yield Demand(source_port=source_port, backlog=4_096)
        yield Demand(source_port=source_port, reuse_address=True, loopback=True, backlog=None)
    yield Demand(close="half", round_trip_s=0.03)
    yield Demand(close="unread", round_trip_s=0.2, backlog=5)


def cases(demand: Demand) -> Iterator[rules.Case]:
    """Yield settings of the controls, the same in every run of the tests."""
    chance = random.Random(json.dumps([demand.source_port, demand.close]))
    for closer, close in rules.manners(demand):
        for tw_reuse in rules.TW_REUSE:
            yield {
                "ports": chance.choice([1, 2, 33, 300, 1_001, 28_232, 64_511]),
                "sources": chance.choice([1, 1, 2, 7]),
                "destinations": chance.choice([1, 1, 3, 40]),
                "requests": chance.choice([1.0, 1.0, 2.5, 1_000.0, 1e9]),
                "closer": closer,
                "close": close,
                "tw_reuse": tw_reuse,
                "rate": chance.choice([None, 0.0, 0.5, 4.8, 470.0, 1_234.5, 1e5, 1e7]),
            }


def as_asked(own: Own, case: rules.Case) -> Own:
    """Return a point as the controls change it."""
    demand = replace(
        own.demand,
        rate_per_s=case["rate"],
        sources=case["sources"],
        destinations=case["destinations"],
        requests_per_connection=case["requests"],
        active_closer=case["closer"],
        close=case["close"],
    )
    taken = own.environment.ports.count - own.environment.usable_ports
    environment = replace(
        own.environment,
        ports=PortRange(1_024, 1_023 + case["ports"] + taken),
        taken=(range(1_024, 1_024 + taken),),
        tw_reuse=case["tw_reuse"],
    )
    return own._replace(demand=demand, environment=environment)


def is_same(found: float | None, expected: float | None) -> bool:
    """Return whether two figures agree to nine digits."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


def test_the_page_calculates_as_the_model_does(shared: Page) -> None:
    """Limits, headroom, walls, sockets, when a start runs dry, and each word of it: every case."""
    owns = [Own("", SIDES, one, place) for place in environments() for one in demands()]
    places = [rules.place(own.demand, own.environment) for own in owns]
    grid = [(index, case) for index, own in enumerate(owns) for case in cases(own.demand)]
    assert len(grid) > 1_200
    for shown, (index, case) in zip(shared.evaluate(_EVERY, [places, grid]), grid, strict=True):
        changed = as_asked(owns[index], case)
        plan = make_capacity_plan(changed.demand, changed.environment)
        end = shown.get("end") or {"name": None, "after_s": None}
        assert (shown["binding"], end["name"]) == (plan.binding, plan.exhausted), case
        assert (shown["beyond"], shown["tuples"]) == (plan.walls[0].beyond, plan.four_tuples), case
        for found, expected in (
            (shown["limit"], plan.limit_per_s),
            (shown["headroom"], plan.headroom),
            (end["after_s"], plan.exhausted_after_s),
        ):
            assert is_same(found, expected), (case, found, expected)
        words = answer(changed, plan)
        assert shown["words"] == {**words, "rows": [text for _, text in words["rows"]]}, case


def test_a_reason_agrees_with_where_time_wait_stands() -> None:
    """Who is said to hold TIME_WAIT holds it, and where none is left nobody does."""
    for demand in demands():
        for place in environments():
            for manner, rule in rules.place(demand, place)["rules"].items():
                leaves, reason = rule["leaves"], rule["held"]["reason"]
                is_reset = manner.split()[1] in ("rst", "unread")
                assert ("leaves no TIME_WAIT" in reason) == is_reset, manner
                assert any(leaves.values()) != is_reset, manner
                assert leaves["server"] or "server closes first" not in reason, manner


def test_no_pair_is_offered_that_a_profile_may_not_ask_for() -> None:
    """Who closes first and by what: those that profile/contradictions.py lets pass, and all."""
    offered = {pair for demand in demands() for pair in rules.manners(demand)}
    for closer in rules.CLOSERS:
        for close in ("fin", "rst", "half", "unread"):
            connection = {"active_closer": closer, "close": close}
            point = Point.model_validate({"id": "x", "part": "x", "connection": connection})
            wrong = [path for path, _ in contradictions(point) if path == "connection.close"]
            assert ((closer, close) in offered) != bool(wrong), (closer, close)


def sentence(demand: Demand, environment: Environment) -> str:
    """Return the verdict on a demand."""
    plan = make_capacity_plan(demand, environment)
    text: str = answer(Own("", SIDES, demand, environment), plan)["sentence"]
    return text


def test_a_wall_that_refuses_nothing_is_not_said_to_carry_a_part() -> None:
    """What happens beyond it is said instead; and of the next one that refuses, what it carries."""
    few = replace(of_host(SMALL), max_tw_buckets=100, open_files=None)
    said = sentence(Demand(rate_per_s=120.0), few)
    assert said.startswith("All of the 120/s asked for gets through, at a price: beyond TIME_WAIT ")
    assert said.endswith("TIME_WAIT is dropped: no refusal, no protection.")
    said = sentence(Demand(rate_per_s=1e6), replace(few, ports=PortRange(40_000, 40_109)))
    assert said.startswith("NOT ENOUGH: carries 22 % of the 1,000,000/s")
    assert "the first wall that refuses, " in said
    said = sentence(Demand(rate_per_s=60.0, backlog=5), replace(few, max_tw_buckets=None))
    assert "at a price: beyond accept queue (50/s) SYNs are dropped" in said


def test_what_is_far_off_is_not_counted() -> None:
    """No more than a thousand times, no less than a ten-thousandth, and one four-tuple is one."""
    host = replace(of_host(SMALL), max_tw_buckets=None, open_files=None, somaxconn=None)
    assert "enough: more than 1,000x the 0.01/s" in sentence(Demand(rate_per_s=0.01), host)
    one = replace(host, ports=PortRange(40_000, 40_000), taken=())
    assert "carries less than 0.01 % of" in sentence(Demand(rate_per_s=1e6), one)
    plan = make_capacity_plan(Demand(rate_per_s=120.0), one)
    rows = dict(answer(Own("", SIDES, Demand(), one), plan)["rows"])
    assert rows["TIME_WAIT at what gets through"] == "client 1, server 0; of 1 four-tuple"


def test_behind_a_proxy_the_server_is_the_target_everywhere() -> None:
    """In the reason as in the sockets."""
    sides, host = {"client": "nginx", "server": "target"}, of_host(SMALL)
    demand = Demand(active_closer="server", rate_per_s=1.0)
    rows = dict(answer(Own("", sides, demand, host), make_capacity_plan(demand, host))["rows"])
    assert rows["a port is held"] == "no longer; the target closes first and holds TIME_WAIT"
    assert "nginx 0, target" in rows["TIME_WAIT at what gets through"]


def test_the_three_limits_are_those_of_the_prediction(shared: Page) -> None:
    """For each point of each reference run the page says the limits that the run predicted."""
    for folder in RUNS:
        run = load_run(folder)
        if run.summary.found is not None:
            continue  # of a search there is one choice, the highest clean probe
        model = (what_if(run) or {})["model"]
        asked = [[one["place"], one["case"]] for one in model["points"]]
        assert len(asked) == len(run.points)
        found = shared.evaluate(_EVERY, [model["places"], asked])
        for shown, one in zip(found, model["points"], strict=True):
            predicted = run.point(one["id"]).prediction
            if predicted["requests_per_connection"] >= 1e9:
                continue  # kept for good: no limit that anybody meets, or none
            limits = shown["limits"] or {}
            for name in ("textbook", "sustainable", "saturated"):
                assert is_same(limits.get(name), predicted[f"{name}_per_s"]), one["id"]
            assert is_same(shown["held"]["echo_s"], predicted["hold_s"])


def test_numbers_are_written_alike(shared: Page) -> None:
    """Halves, thousands and millions, with three digits and with four."""
    values = [0, 0.0123456, 0.5, 2.125, 4.8828125, 62.048, 112.5, 999.95, 999.96, 1000.5, 28231.5]
    values += [999_999.4, 1e6, 1e12, 1 / 3, 2 / 3, 100, 9.995, 99.95]
    for digits in (3, 4):
        found = shared.evaluate(
            "([all, d]) => all.map((one) => twModel.number(one, d))", [values, digits]
        )
        assert found == [number(value, digits) for value in values]


def test_a_rule_is_a_wall_that_grows_with_the_requests() -> None:
    """The walls that the page only multiplies are those which the model multiplies as well."""
    host = replace(of_host(SMALL), conntrack_max=1_000, max_tw_buckets=50)
    for law in walls.WALLS:
        asked = Demand(backlog=9)
        once, often = law(asked, host), law(replace(asked, requests_per_connection=7.0), host)
        assert once is not None, law
        assert often is not None, law
        assert often.limit_per_s == pytest.approx(7 * once.limit_per_s)
        assert (often.room or 0) == pytest.approx(7 * (once.room or 0))


@pytest.fixture
def panel(page: Page, tmp_path: Path) -> Page:
    """The panel of the comparison of remedies, read from a file."""
    path = tmp_path / "panel.html"
    path.write_text(html(load_run(ROOT / "results/reference/remedies")))
    page.goto(path.as_uri())
    return page


def said(page: Page) -> list[str]:
    """Return the sentence and the rows that the panel shows."""
    return page.locator(".what-if-sentence, .what-if dd").all_inner_texts()


class TestThePanel:
    def test_it_starts_with_what_was_run(self, panel: Page) -> None:
        """The first answer is the one that stands there without JavaScript, word for word."""
        shown = what_if(load_run(ROOT / "results/reference/remedies")) or {}
        assert said(panel) == [shown["sentence"], *(text for _, text in shown["rows"])]
        assert panel.get_by_label("usable ports").input_value() == "300"

    def test_it_moves_with_every_key(self, panel: Page) -> None:
        """No button: a digit more is ten times the ports, and the limit follows."""
        before = said(panel)
        panel.get_by_label("usable ports").focus()
        panel.keyboard.press("End")
        panel.keyboard.type("0")
        assert "the first wall, ports, stands at 48.35/s" in said(panel)[0]
        assert "carries 40.3 % of the 120/s" in said(panel)[0]
        panel.get_by_label("net.ipv4.tcp_tw_reuse").select_option("1")
        assert said(panel)[0].startswith("enough: 25x the 120/s asked for")
        panel.get_by_role("button", name="As it was run").press("Enter")
        assert said(panel) == before

    def test_it_takes_another_point(self, panel: Page) -> None:
        """Each point brings its own case, and its own ways to close."""
        half = panel.locator('option[value="half"]')
        assert half.evaluate("option => option.disabled")
        panel.get_by_label("who closes first").select_option("both")
        assert panel.locator('option[value="rst"]').evaluate("option => option.disabled")
        panel.get_by_label("start from the point").select_option("two-sources")
        assert panel.get_by_label("source addresses").input_value() == "2"
        panel.get_by_label("start from the point").select_option("half-close")
        assert not half.evaluate("option => option.disabled")
        assert panel.get_by_label("by what").input_value() == "half"

    @pytest.mark.parametrize(
        ("label", "typed", "note"),
        [
            ("usable ports", "-5", "want 1 to 65,535; calculated with 1."),
            ("usable ports", "70000", "want 1 to 65,535; calculated with 65,535."),
            ("usable ports", "2.5", "want a whole number; calculated with 3."),
            ("usable ports", "", "want a number, 1 to 65,535; calculated with 300."),
            ("requests a second", "-", "want a number, 0 to 10,000,000; calculated with 120."),
        ],
    )
    def test_nonsense_is_put_right_and_said(
        self, panel: Page, label: str, typed: str, note: str
    ) -> None:
        """What cannot be is calculated with what can, and a line says so."""
        field = panel.get_by_label(label)
        field.fill("")
        field.press_sequentially(typed)
        assert panel.locator(".what-if-notes").inner_text().endswith(note)
        assert field.get_attribute("aria-invalid") == "true"
        field.fill("200")
        assert panel.locator(".what-if-notes").inner_text() == ""
        assert field.get_attribute("aria-invalid") == "false"

    def test_no_rate_asks_for_the_limits(self, panel: Page) -> None:
        """An empty rate is no mistake."""
        panel.get_by_label("requests a second").fill("")
        assert said(panel)[0] == ("No rate is asked for: the first wall, ports, stands at 4.835/s.")
        assert panel.locator(".what-if-notes").inner_text() == ""

    def test_every_control_is_reached_by_the_keyboard(self, panel: Page) -> None:
        """Tab goes through all of them, each with its label."""
        names = panel.locator(".what-if [name]").count()
        reached = set()
        for _ in range(names):
            panel.keyboard.press("Tab")
            reached.add(panel.evaluate("document.activeElement.labels[0].textContent"))
        assert len(reached) == names

    def test_without_javascript(self, browser: Browser, tmp_path: Path) -> None:
        """The answer of the run's own case stands there, and no control that does nothing."""
        path = tmp_path / "panel.html"
        path.write_text(html(load_run(ROOT / "results/reference/port-range-curve")))
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(path.as_uri())
        assert not page.locator("form").is_visible()
        assert page.locator(".what-if-sentence").inner_text().startswith("NOT ENOUGH: carries 95")
        context.close()


class TestWhatItReads:
    def test_repetitions_are_one_choice(self, tmp_path: Path) -> None:
        """A point that was run five times is chosen once."""
        run = load_run(ROOT / "results/reference/port-range-curve")
        points = run.manifest.points
        again = [
            point | {"id": f"{point['id']}#{n}", "repetition": n}
            for n in (1, 2)
            for point in points
        ]
        manifest = run.manifest.model_copy(update={"points": again})
        shown = what_if(replace(run, manifest=manifest)) or {}
        assert shown["names"] == [point["id"] for point in points]

    def test_random_requests_are_said_to_be_none(self) -> None:
        """The model's walls are of evenly spaced requests; the page says where they were not."""
        run = load_run(ROOT / "results/reference/port-range-curve")
        said = "for evenly spaced requests; those of this run came at random"
        assert said not in html(run)
        first = run.manifest.points[0]
        drawn = [first | {"load": first["load"] | {"arrivals": "poisson"}}]
        changed = replace(run, manifest=run.manifest.model_copy(update={"points": drawn}))
        assert said in html(changed)

    def test_of_a_search_the_highest_clean_probe(self) -> None:
        """A search is one choice: the rate that it found."""
        run = load_run(ROOT / "results/reference/port-range-curve")
        ids = [point.id for point in run.points]
        probes = [
            ProbeResult(id=id, rate_per_s=rate, outcome=outcome, reason="")
            for id, rate, outcome in zip(
                ids, (60, 120, 99), ("clean", "refusals", "clean"), strict=False
            )
        ]
        found = Found(
            rate_per_s=99, interval_per_s=(99, 120), reason="", outcome="refusals", ended="settled",
            predicted_per_s=None, probe_s=5, precision=0.1, refusals_allowed=0,
            latency_allowed_us={}, probes=probes,
        )  # fmt: skip
        summary = run.summary.model_copy(update={"found": found})
        shown = what_if(replace(run, summary=summary)) or {}
        assert shown["names"] == [ids[2]]

    def test_what_does_not_read_has_no_panel(self) -> None:
        """A host or a point of another format costs the panel, and nothing else."""
        run = load_run(ROOT / "results/reference/port-range-curve")
        updates: list[dict[str, Any]] = [
            {"host": {}},
            {"points": [{"id": "x", "lab": {"ports": "many"}}]},
        ]
        for update in updates:
            manifest = run.manifest.model_copy(update=update)
            assert what_if(replace(run, manifest=manifest)) is None

    def test_names_are_escaped(self) -> None:
        """What a profile says is text in the page, also within the figures for the script."""
        run = load_run(ROOT / "results/reference/port-range-curve")
        first, second, *_ = run.manifest.points
        points = [first, second | {"id": "</script><script>alert(1)</script>"}]
        text = html(replace(run, manifest=run.manifest.model_copy(update={"points": points})))
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
