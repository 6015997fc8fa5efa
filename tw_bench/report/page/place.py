"""Where a run was made: the host, its sysctls and those of the labs, and the generator. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tw_bench.report.page.durations import milliseconds
from tw_bench.report.page.table import Table, of_texts
from tw_bench.report.text import DASH
from tw_bench.results.schema import Generator, Manifest, PointResult
from tw_bench.units import rate_text

_SECTIONS = {  # of a point's lab → whose
    "sysctls": "every side",
    "client_sysctls": "client",
    "proxy_sysctls": "proxy",
    "server_sysctls": "server",
}
_FEW = 4  # names, which are read as quickly as `the others`
_RANGE = "net.ipv4.ip_local_port_range"


def host_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what the machine was, label and words."""
    host = manifest.host
    rows = [
        ("kernel", f"Linux {host.get('kernel', '?')}, {host.get('architecture', '?')}"),
        ("HZ", f"{host.get('hz', '?')} (from {host.get('hz_source', '?')})"),
        (
            "processors",
            f"{host.get('cpus', '?')} ({host.get('cpu_model') or 'of an unknown kind'})",
        ),
        ("open files", f"{host.get('open_files', '?'):,}" if "open_files" in host else "?"),
        ("Python", str(host.get("python", "?"))),
    ]
    packages = (f"{name} {version}" for name, version in manifest.versions.items())
    rows.append(("packages", ", ".join(packages)))
    for name, ceiling in dict(host.get("ceilings") or {}).items():
        words = f"about {rate_text(float(ceiling['per_s']))} by one worker"
        rows.append((f"ceiling, {name}", f"{words} (measured {str(ceiling['measured_at'])[:10]})"))
    return rows


def sysctl_table(manifest: Manifest) -> Table:
    """Return this host's sysctls beside what the labs set in their own namespaces."""
    own: dict[str, Any] = manifest.host.get("sysctls") or {}
    labs = _of_labs(manifest.points)
    rows = [
        [name, _whole(own.get(name, "")) or DASH, labs.get(name, DASH)]
        for name in sorted({*own, *labs}, key=lambda name: (name not in labs, name))
    ]
    heads = [("sysctl", False), ("this host", False), ("set in the lab", False)]
    note = "A lab is a network of its own: what is set there never reaches the host."
    return of_texts("Sysctls that bear on ports", heads, rows, [note])


def _of_labs(points: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return sysctl → its values in the labs, and whose where that is not all of them."""
    found: dict[str, dict[str, list[str]]] = {}
    for point in points:
        lab = point.get("lab", {})
        whose = str(point.get("id")).removesuffix(f"#{point.get('repetition')}")
        for section, side in _SECTIONS.items():
            for name, value in (lab.get(section) or {}).items():
                words = _whole(value) + (f" ({side})" if section != "sysctls" else "")
                found.setdefault(name, {}).setdefault(words, []).append(whose)
        if lab.get("ports") and lab.get("topology") != "host":
            words = _whole(str(lab["ports"]).replace("-", " "))
            found.setdefault(_RANGE, {}).setdefault(words, []).append(whose)
    return {name: "; ".join(_values(values, len(points))) for name, values in found.items()}


def _whole(value: object) -> str:
    """Return a sysctl's value, which is one though it may be several numbers."""
    return "\N{NO-BREAK SPACE}".join(str(value).split())


def _values(values: Mapping[str, Sequence[str]], points: int) -> Iterator[str]:
    """Yield each value and the points that have it; of all points the most are `the others`."""
    most = max(values, key=lambda words: len(values[words]))
    are_all = sum(map(len, values.values())) == points
    for words, ids in sorted(values.items(), key=lambda one: one[0] == most):
        if len(ids) == points:
            yield words
        elif are_all and words == most and len(set(ids)) > _FEW:
            yield f"{words}: the others"
        else:
            yield f"{words}: {', '.join(dict.fromkeys(ids))}"


def generator_table(points: Sequence[PointResult]) -> Table | None:
    """Return what the load itself could do and did, a row for each point."""
    known = [(point.id, point.generator) for point in points if point.generator is not None]
    if not known:
        return None
    heads = [
        ("point", False),
        ("workers", True),
        ("CPU [%]", True),
        ("busiest [%]", True),
        ("ceiling [/s]", True),
        ("of it used [%]", True),
        ("lag p50 [ms]", True),
        ("lag p99 [ms]", True),
        ("lag max [ms]", True),
        ("missed", True),
        ("held back", True),
        ("memory [MB]", True),
    ]
    notes = [
        "CPU: of one processor, all workers together; busiest: one worker in its busiest second",
        "ceiling: what the workers can offer on this host, measured before the run",
        "lag: real start minus intended start; missed: slots that found too many connections open; "
        "held back: slots not tried right after a refusal",
    ]
    rows = [[id, *_generator_cells(generator)] for id, generator in known]
    return of_texts("The generator", heads, rows, notes, is_titled=True)


def generator_sentence(points: Sequence[PointResult]) -> str:
    """Return the worst that the load did; nothing where no generator was seen."""
    known = [(point.id, point.generator) for point in points if point.generator is not None]
    busiest = max(
        ((g.busiest_worker_cpu, id) for id, g in known if g.busiest_worker_cpu), default=None
    )
    shares = [(g.ceiling_share, id) for id, g in known if g.ceiling_share is not None]
    lags = [(g.schedule_lag_us.max, id) for id, g in known if g.schedule_lag_us is not None]
    texts = []
    if busiest:
        texts.append(f"the busiest worker used {100 * busiest[0]:.1f} % of a processor")
    if shares:
        texts.append(f"{100 * max(shares)[0]:.1f} % of the ceiling at the most ({max(shares)[1]})")
    if lags:
        texts.append(f"the worst lag was {milliseconds(max(lags)[0])} ms ({max(lags)[1]})")
    text = "; ".join(texts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _generator_cells(of: Generator) -> Iterator[str]:
    yield f"{of.workers}"
    yield f"{100 * of.cpu:.1f}"
    # Of less than two seconds there is no whole one between two frames: 0 is not measured.
    yield f"{100 * of.busiest_worker_cpu:.1f}" if of.busiest_worker_cpu else DASH
    yield DASH if of.ceiling_per_s is None else f"{of.ceiling_per_s:,.0f}"
    yield DASH if of.ceiling_share is None else f"{100 * of.ceiling_share:.1f}"
    lag = of.schedule_lag_us
    yield from [DASH] * 3 if lag is None else map(milliseconds, (lag.p50, lag.p99, lag.max))
    yield f"{of.missed:,}"
    yield f"{of.held_back:,}"
    yield f"{of.memory_peak_bytes / 1e6:.0f}"
