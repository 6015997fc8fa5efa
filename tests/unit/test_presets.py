"""Other systems: their figures are those of the page, and the law gives the limits it names."""

import subprocess
from pathlib import Path

import pytest

from tw_bench.errors import ProfileError
from tw_bench.plan import capacity, presets
from tw_bench.plan.demand import Demand
from tw_bench.plan.environment import Environment
from tw_bench.plan.hold import hold

PAGE = Path(__file__).parents[2] / "docs/other-systems.md"
NAMES = [
    "linux",
    "windows",
    "macos",
    "freebsd",
    "aws-nat-gateway",
    "gcp-cloud-nat",
    "azure-snat",
    "kubernetes-snat",
]


def page_rows() -> dict[str, list[str]]:
    """Return the table of the page: the cells of each system, by its name."""
    lines = PAGE.read_text().splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    return {name: rest for name, *rest in cells[2:]}  # without the heading and its rule


def limit_per_s(environment: Environment, **asked: object) -> float:
    """Return what gets through towards one destination when more is offered."""
    demand = Demand(**asked)  # type: ignore[arg-type]
    tuples = demand.four_tuples(environment)
    held = hold(demand, environment, tuples, loopback=demand.loopback)
    limits = capacity.limits(tuples, held)
    assert limits is not None
    return limits.saturated_per_s


def test_the_page_and_the_presets_name_the_same_systems():
    """Every preset has its row, and no row is without a preset."""
    assert list(presets.PRESETS) == NAMES == list(page_rows())


@pytest.mark.parametrize("name", NAMES)
def test_the_page_gives_the_figures_of_the_preset(name):
    """Ports, hold and limit of a row are those that the code calculates."""
    preset = presets.environment(name)
    ports, held, limit, *_ = page_rows()[name]
    assert f"{preset.usable_ports:,}" == ports
    assert preset.time_wait.echo_period_s == pytest.approx(float(held), abs=0.005)
    assert f"{limit_per_s(preset):.2f}" == limit


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_names_its_source(name):
    """The source is one address, the page links it, and the system has a note of its own."""
    preset = presets.environment(name)
    assert preset.name == name
    assert preset.source.startswith("https://")
    assert preset.source == "".join(preset.source.split())
    assert f"]({preset.source})" in page_rows()[name][-1]
    assert f"\n## {name}\n" in PAGE.read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_whether_destinations_share_a_port(name):
    """Where a port serves one connection only, the limit is that of all destinations together."""
    _, _, _, counts_for, multiplied_by, _ = page_rows()[name]
    preset = presets.environment(name)
    shared = limit_per_s(preset, destinations=3) == pytest.approx(3 * limit_per_s(preset))
    assert counts_for == ("one destination" if shared else "all destinations together")
    assert multiplied_by.startswith("destinations") is shared
    assert shared is (name not in ("windows", "macos"))


@pytest.mark.parametrize(
    ("name", "ports", "seconds", "limit"),
    [
        ("linux", 28_232, 61.44, 459.5),
        ("windows", 16_384, 240, 68.27),
        ("macos", 16_384, 30, 546.1),
        ("freebsd", 55_536, 60, 925.6),
        ("aws-nat-gateway", 55_000, 61.11, 900),
        ("gcp-cloud-nat", 64, 120, 0.533),
        ("azure-snat", 50_000, 65, 769.2),
        ("kubernetes-snat", 64_512, 120, 537.6),
    ],
)
def test_the_limit_is_ports_by_hold(name, ports, seconds, limit):
    """The same law for every system; no port is missed where the count is even."""
    preset = presets.environment(name)
    assert preset.usable_ports == ports
    assert preset.time_wait.echo_period_s == pytest.approx(seconds, rel=1e-3)
    assert limit_per_s(preset) == pytest.approx(limit, rel=1e-3)
    assert capacity.sure_share(preset.usable_ports) == 1


@pytest.mark.parametrize("name", NAMES)
def test_only_linux_reuses_on_loopback(name):
    """tcp_tw_reuse=2 is a rule of Linux: no other system gets its second."""
    local, remote = (
        limit_per_s(presets.environment(name), loopback=loopback) for loopback in (True, False)
    )
    assert local == pytest.approx(28_232 if name == "linux" else remote)


def test_the_other_figures_of_a_freebsd_and_of_the_gateways_follow_too():
    """Alternatives that the page names: what another of the sources would give."""
    page = PAGE.read_text()
    for ports, seconds, quoted in [
        (65_535 - 49_152 + 1, 60, "273/s"),
        (64, 30, "2.13/s"),
        (64_512, 65, "992/s"),
    ]:
        limit = ports / seconds
        assert quoted in (f"{limit:.0f}/s", f"{limit:.2f}/s")
        assert f"the limit is {quoted}" in " ".join(page.split())


def test_a_fresh_namespace_is_set_as_the_linux_preset_says():
    """What this kernel gives a new network namespace is what the preset takes for granted."""
    preset = presets.environment("linux")
    expected = {
        "ipv4/ip_local_port_range": f"{preset.ports.low} {preset.ports.high}",
        "ipv4/tcp_tw_reuse": str(preset.tw_reuse),
        "ipv4/tcp_timestamps": "1",
        "core/somaxconn": str(preset.somaxconn),
    }
    if Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay").exists():  # since 6.14
        expected["ipv4/tcp_tw_reuse_delay"] = str(preset.tw_reuse_delay_ms)
    files = [f"/proc/sys/net/{name}" for name in expected]
    shown = subprocess.run(
        ["unshare", "--map-root-user", "--net", "cat", *files],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert list(expected.values()) == [" ".join(line.split()) for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("windos", "did you mean windows? "),
        ("aws", "did you mean aws-nat-gateway? "),
        ("mac", "did you mean macos? "),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name, hint):
    """One line: what was asked, what was probably meant, and what there is."""
    with pytest.raises(ProfileError) as caught:
        presets.environment(name)
    known = ", ".join(NAMES)
    assert f"--host {name}: unknown: {hint}want one of {known}" == str(caught.value)
    assert "\n" not in str(caught.value)
