"""What `tw-bench doctor --json` prints. Pure."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tw_bench.doctor.examination import Examination
from tw_bench.doctor.finding import Finding, status
from tw_bench.doctor.usage import limits_here
from tw_bench.plan.environment import Environment
from tw_bench.plan.host_facts import HostFacts

_FORMAT = {"format": "tw-bench doctor", "format_version": 1}


def host_document(e: Examination, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return a host's examination as plain data."""
    table = e.table
    return {
        **_FORMAT,
        "status": status(findings),
        "findings": [finding.to_dict() for finding in findings],
        "environment": _environment(e.environment),
        "usage": [use.to_dict() for use in e.usage],
        "sockets": {
            "by_state": table.by_state,
            "destinations": table.destinations,
            "inbound": table.inbound,
            "elsewhere": table.elsewhere,
            "sources": [asdict(source) for source in table.sources],
            "orphans": table.orphans,
            "unaccepted": table.unaccepted,
        },
        "network_namespace": e.namespace.to_dict(),
        "descriptors": [
            {**asdict(each), "percent": round(each.percent, 1)} for each in e.descriptors
        ],
        "unseen": list(e.unseen),
        "facts": e.facts.to_dict(),
    }


def profile_document(profile: str, facts: HostFacts, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what was found about a profile as plain data."""
    return {
        **_FORMAT,
        "status": status(findings),
        "profile": profile,
        "findings": [finding.to_dict() for finding in findings],
        "facts": facts.to_dict(),
    }


def _environment(here: Environment) -> dict[str, Any]:
    hold, per_s = limits_here(here, loopback=False)
    return {
        "ports": str(here.ports),
        "usable_ports": here.usable_ports,
        "hold_s": hold.longest_s,
        "hold_reason": hold.reason,
        "sustainable_per_s": per_s,  # to each destination, from each source; null: no limit
        "tw_reuse": here.tw_reuse,
        "tw_reuse_delay_ms": here.tw_reuse_delay_ms,
        "timestamps": here.timestamps,
        "max_tw_buckets": here.max_tw_buckets,
    }
