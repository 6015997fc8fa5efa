"""The law at the real pace. One run of two minutes: six labs side by side share the minute."""

import pytest

PROFILE = """
method: {fill: 1tw, window: 1tw}
parts:
  - name: curve
    load: {rate: 1.25x}
    sweep: {lab.ports: [250, 500, 1000, 2000]}
  - name: just-below
    load: {rate: 0.99x sustainable}
    lab: {ports: 1000}
  - name: just-above
    load: {rate: 1.02x textbook}
    lab: {ports: 1000}
"""


def test_the_law_at_the_real_pace(measure):
    """P ports sustain P / 61.44 a second; 0.99 of P / (60 + g) is never refused, P / 60 is."""
    points = {point.id: point for point in measure(PROFILE).points}
    for ports in (250, 500, 1000, 2000):
        point = points[f"curve/ports={ports}"]
        echo_s = point.prediction["hold_s"]
        assert point.measured.goodput_per_s == pytest.approx(ports / echo_s, rel=0.01)
        assert point.time_wait["client"].peak == ports
        assert point.verdict == "port-bound"
    below, above = points["just-below"], points["just-above"]
    assert below.measured.refusals == 0
    assert below.verdict == "offered-load-bound"
    assert above.measured.refusals > 0
    for point in points.values():
        assert point.counters["client"].get("TcpExt.TWRecycled", 0) == 0
        assert all(line.is_even for line in point.ledger), (point.id, point.ledger)
