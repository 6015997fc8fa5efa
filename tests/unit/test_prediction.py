"""What should happen at one point: the model as a function of the point and the host."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machines import SMALL
from tw_bench.errors import ProfileError
from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction, predict
from tw_bench.profile.model import Point

FACTS = replace(
    SMALL,
    cpus=4,
    open_files=1_048_576,
    sysctls={"net.ipv4.tcp_tw_reuse": "1", "net.ipv4.tcp_max_tw_buckets": "262144"},
)
ECHO_S = 61.44
REUSE = {"net.ipv4.tcp_tw_reuse": 1}
HOST = {"lab": {"topology": "host"}, "connection": {"source_port": "socket_range"}}


def predicted(facts: HostFacts = FACTS, /, **sections: Any) -> Prediction:
    """Return the prediction of a point that says so much and no more."""
    return predict(Point.model_validate({"id": "point", **sections}), facts)


def test_the_default_point_is_linuxs_default_range_overloaded_by_a_quarter():
    """28,232 ports at 1.25 times the sustainable rate give the saturated limit."""
    prediction = predicted()
    assert (28_232, "ports", False) == (
        prediction.usable_ports,
        prediction.binding,
        prediction.time_lapse,
    )
    assert prediction.offered_per_s == pytest.approx(1.25 * 28_232 / 62.048)
    assert prediction.expected_per_s == prediction.saturated_per_s == 28_232 / ECHO_S
    assert (ECHO_S, 2 * ECHO_S, 2) == (
        prediction.fill_s,
        prediction.window_s,
        prediction.echo_periods,
    )
    assert prediction.duration_s == prediction.fill_s + prediction.window_s


@pytest.mark.parametrize(
    ("rate", "binding", "expected_per_s"),
    [
        ("0.99x", "offered", 0.99 * 1000 / 62.048),
        ("1x", "offered", 1000 / 62.048),
        ("1x saturated", "ports", 1000 / ECHO_S),
        ("1x textbook", "ports", 1000 / ECHO_S),
        ("5/s", "offered", 5),
        ("400/s", "ports", 1000 / ECHO_S),
    ],
)
def test_what_binds_is_told_by_the_sustainable_rate(rate, binding, expected_per_s):
    """Up to the sustainable rate all that is offered goes through, above it the saturated limit."""
    prediction = predicted(lab={"ports": 1000}, load={"rate": rate})
    assert binding == prediction.binding
    assert expected_per_s == pytest.approx(prediction.expected_per_s)
    assert (prediction.first_refusal_s is None) == (binding == "offered")


def test_the_range_runs_dry_after_ports_over_rate():
    """500 ports offered 40 a second are gone after 12.5 s, and an even share of 20 s gets one."""
    prediction = predicted(
        lab={"ports": 500}, load={"rate": "40/s"}, method={"fill": "0s", "window": "20s"}
    )
    assert (12.5, 25.0) == (prediction.first_refusal_s, prediction.expected_per_s)


def test_an_odd_range_may_refuse_one_port_early():
    """33 ports refuse at the 33rd connection, unless the socket has a range of its own."""
    asked: dict[str, Any] = {"load": {"rate": "33/s"}, "lab": {"ports": 33}}
    own = asked | {"connection": {"source_port": "socket_range"}}
    old = replace(FACTS, kernel="6.5.0")
    assert (33, 32 / 33) == (predicted(**asked).usable_ports, predicted(**asked).first_refusal_s)
    assert predicted(**own).first_refusal_s == 1
    assert predicted(old, **own).first_refusal_s == 32 / 33


def test_time_lapse_is_the_same_law_at_another_pace():
    """With tcp_tw_reuse=1 in the lab P ports give P a second."""
    prediction = predicted(lab={"ports": 1000, "sysctls": REUSE})
    assert (True, 1.0, 1000.0) == (
        prediction.time_lapse,
        prediction.hold_s,
        prediction.expected_per_s,
    )


@pytest.mark.parametrize(
    ("kernel", "delay_ms", "hold_s"), [("6.18.0", 250, 0.25), ("6.12.0", 250, 2.0)]
)
def test_the_reuse_delay_is_heeded_where_the_kernel_has_it(kernel, delay_ms, hold_s):
    """tcp_tw_reuse_delay is a sysctl since Linux 6.14; before, ports come back within 2 s."""
    sysctls = {**REUSE, "net.ipv4.tcp_tw_reuse_delay": delay_ms}
    prediction = predicted(replace(FACTS, kernel=kernel), lab={"sysctls": sysctls})
    assert hold_s == prediction.hold_s


def test_a_lab_starts_afresh_and_the_host_does_not():
    """The host's tcp_tw_reuse=1 holds in topology host only: a new namespace has 2."""
    assert (ECHO_S, 1.0) == (predicted().hold_s, predicted(**HOST).hold_s)


def test_on_loopback_linuxs_default_is_time_lapse():
    """tcp_tw_reuse=2 reuses on loopback, so the famous limit does not exist there."""
    facts = replace(FACTS, sysctls={"net.ipv4.tcp_tw_reuse": "2"})
    assert predicted(facts, **HOST).time_lapse


def test_the_clients_sysctls_decide():
    """TIME_WAIT is the client's: its sysctls go over those of both sides, the server's do not."""
    off = {"net.ipv4.tcp_timestamps": 0}
    assert predicted(lab={"sysctls": REUSE, "client_sysctls": off}).hold_s == ECHO_S
    assert predicted(lab={"sysctls": REUSE, "server_sysctls": off}).hold_s == 1.0


def test_a_server_that_closes_first_leaves_the_client_its_ports():
    """With the server as active closer nothing runs dry at any rate."""
    connection = {"active_closer": "server"}
    prediction = predicted(connection=connection, load={"rate": "5k/s"})
    assert ("offered", 5000, None) == (
        prediction.binding,
        prediction.expected_per_s,
        prediction.first_refusal_s,
    )
    closed = predicted(connection=connection, load={"closed_loop": 8})
    assert (None, None) == (closed.offered_per_s, closed.expected_per_s)


def test_too_few_time_wait_buckets_are_the_first_wall():
    """Below the count of ports tcp_max_tw_buckets takes the limit away."""
    sysctls = {"net.ipv4.tcp_max_tw_buckets": 999}
    for ports, binding in ((1000, "offered"), (998, "ports")):
        prediction = predicted(lab={"ports": ports, "client_sysctls": sysctls})
        assert binding == prediction.binding
        assert (prediction.saturated_per_s is None) == (binding == "offered")


def test_a_closed_loop_is_bound_by_the_ports_alone():
    """A closed loop offers no rate, and gets the saturated limit."""
    prediction = predicted(lab={"ports": 1000}, load={"closed_loop": 16})
    assert (None, "ports", 1000 / ECHO_S) == (
        prediction.offered_per_s,
        prediction.binding,
        prediction.expected_per_s,
    )


def test_a_window_over_half_filled_ports_is_not_predicted():
    """A fill shorter than an echo period leaves free ports in the average: the law says nothing."""
    prediction = predicted(lab={"ports": 1000}, method={"fill": "20s", "window": "1tw"})
    assert prediction.expected_per_s is None


COLD = {"fill": "5s", "window": "20s"}


def test_a_ramp_offers_its_mean_in_the_window():
    """From 10/s to 60/s over 25 s: 20 to 60 a second in the window, 875 slots in all."""
    prediction = predicted(load={"ramp": "10/s to 60/s"}, method=COLD)
    assert [[10, 60, 25]] == prediction.pace
    assert prediction.offered_per_s == pytest.approx(40)
    assert prediction.expected_per_s == prediction.offered_per_s  # far below the limit
    held = predicted(load={"ramp": "10/s to 60/s over 10s"}, method=COLD)
    assert [[10, 60, 10], [60, 60, 15]] == held.pace
    assert held.offered_per_s == pytest.approx((47.5 * 5 + 60 * 15) / 20)


def test_steps_offer_their_mean_and_a_cold_range_runs_dry_in_them():
    """100 ports: 50 in the fill, 20 in a slow step, then 30 within three tenths of a second."""
    steps = {"steps": ["10/s for 5s", "2/s for 10s", "100/s"]}
    prediction = predicted(lab={"ports": 100}, load=steps, method=COLD)
    assert prediction.offered_per_s == pytest.approx((20 + 1000) / 20)
    assert prediction.expected_per_s == pytest.approx(50 / 20)
    assert prediction.first_refusal_s == pytest.approx(15.3)


def test_rates_over_time_are_multiples_of_the_points_own_limit():
    """1.5x and 1tw of a ramp are those of the point; in time-lapse too."""
    method = {"fill": "1tw", "window": "3tw"}
    prediction = predicted(
        lab={"ports": 1000, "sysctls": REUSE},
        load={"ramp": "1.5x to 2x saturated over 2tw"},
        method=method,
    )
    assert [[1500, 2000, 2], [2000, 2000, 2]] == prediction.pace
    assert prediction.expected_per_s == 1000  # above the limit all the time


def test_a_load_that_goes_through_the_limit_is_not_predicted():
    """Once ports come back, now above and now below the limit is beyond the law."""
    through = predicted(lab={"ports": 1000}, load={"ramp": "0.5x to 2x"})
    assert ("ports", None, None) == (
        through.binding,
        through.expected_per_s,
        through.first_refusal_s,
    )
    below = predicted(lab={"ports": 1000}, load={"steps": ["0.5x for 1tw", "1x"]})
    assert below.binding == "offered"
    assert below.expected_per_s == below.offered_per_s


def test_times_of_mixed_units_are_fitted_once_the_hold_is_known():
    """200 s are longer than three TIME_WAIT lengths, and no longer where one is 100 s."""
    load = {"ramp": "1x to 2x over 200s"}
    with pytest.raises(
        ProfileError, match=r"^point: load\.ramp: takes 3 min 20 s, the fill and the"
    ):
        predicted(load=load)
    assert predicted(load=load, method={"fill": "1tw", "window": "3tw"}).pace[0][2] == 200


def test_near_the_limit_drawn_arrivals_are_not_predicted():
    """1,000 ports hold 1,000 ± 32 of a Poisson process at the limit: four times that is sure."""
    poisson = {"arrivals": "poisson"}
    found = {
        rate: predicted(lab={"ports": 1000}, load=poisson | {"rate": rate})
        for rate in ("0.8x", "0.9x", "1x", "1.1x", "1.2x")
    }
    expected = [prediction.expected_per_s for prediction in found.values()]
    assert expected == [found["0.8x"].offered_per_s, None, None, None, 1000 / ECHO_S]
    bound = [prediction.binding for prediction in found.values()]
    assert bound == ["offered", "ports", "ports", "ports", "ports"]
    drawn = found["0.8x"]
    assert drawn.offered_per_s is not None
    slots = drawn.offered_per_s * drawn.window_s
    assert drawn.offered_spread_per_s == pytest.approx(slots**0.5 / drawn.window_s)


def test_a_cold_closed_loop_gives_each_port_once():
    """Within the first minute a closed loop gets every port once, whatever the window."""
    prediction = predicted(
        lab={"ports": 1000}, load={"closed_loop": 4}, method={"fill": "0s", "window": "10s"}
    )
    assert prediction.expected_per_s == 100


MINUTE = ECHO_S
NOT_HELD = 0


@pytest.mark.parametrize(
    ("connection", "sysctls", "topology", "hold_s"),
    [
        ({}, {}, "pair", MINUTE),
        ({"reuse_address": True}, {}, "pair", MINUTE),
        ({"close": "half"}, {}, "pair", MINUTE),
        ({"active_closer": "both"}, {}, "pair", MINUTE),
        ({"source_port": "bind_zero", "reuse_address": True}, {}, "pair", MINUTE),
        ({"source_port": "explicit_sequential"}, {}, "pair", MINUTE),
        ({}, {"tcp_fin_timeout": 5}, "pair", MINUTE),
        ({}, {"tcp_tw_reuse": 1, "tcp_timestamps": 0}, "pair", MINUTE),
        ({"source_port": "bind_zero"}, {"tcp_tw_reuse": 1}, "pair", MINUTE),
        ({}, {}, "own_address", MINUTE),
        ({}, {"tcp_tw_reuse": 0}, "loopback", MINUTE),
        ({}, {}, "loopback", 1),
        ({"source_port": "bind_no_port"}, {"tcp_tw_reuse": 1}, "pair", 1),
        ({"active_closer": "server"}, {}, "pair", NOT_HELD),
        ({"close": "rst"}, {}, "pair", NOT_HELD),
        ({"close": "unread"}, {}, "pair", NOT_HELD),
        ({"source_port": "explicit_random", "reuse_address": True}, {}, "pair", NOT_HELD),
        ({}, {"tcp_max_tw_buckets": 10}, "pair", NOT_HELD),
    ],
)
def test_which_rule_holds_the_port(connection, sysctls, topology, hold_s):
    """Each way to close and to choose a port, with the sysctls that bear on it."""
    named = {f"net.ipv4.{name}": value for name, value in sysctls.items()}
    prediction = predicted(lab={"topology": topology, "sysctls": named}, connection=connection)
    assert hold_s == prediction.hold_s
    assert (prediction.saturated_per_s is None) == (hold_s == NOT_HELD)


def test_a_burst_before_the_window_comes_once_in_every_period():
    """500 ports taken in 2.5 s of a 5 s fill come back once in a window of one echo period."""
    burst: dict[str, Any] = {"lab": {"ports": 500}, "method": {"fill": "5s", "window": "61.44s"}}
    fast = predicted(**burst, load={"rate": "200/s"})
    assert fast.expected_per_s == pytest.approx(500 / ECHO_S)
    slow = predicted(**burst, load={"rate": "100/s"})  # still filling when the window begins
    assert slow.expected_per_s is None


def test_a_closed_loop_that_thinks_has_a_ceiling():
    """Eight coroutines that think for 20 ms make 400 a second at most: kept, they fill nothing."""
    thinking: dict[str, Any] = {"load": {"closed_loop": 8, "think_time": "20ms"}}
    kept = predicted(**thinking, connection={"requests_per_connection": 100_000})
    assert (kept.binding, kept.expected_per_s) == ("offered", None)
    assert kept.cpu < 0.5
    assert predicted(**thinking, lab={"ports": 500}).binding == "ports"


def test_a_pool_that_keeps_nothing_is_no_keep_alive():
    """Without a pool every connection carries one request; with one that is too small, some do."""
    kept = {"requests_per_connection": 10}
    assert predicted(connection=kept).requests_per_connection == 10
    assert predicted(connection=kept | {"pool": 0}).requests_per_connection == 1
    small = predicted(connection=kept | {"pool": 2}, load={"closed_loop": 8})
    assert (small.requests_per_connection, small.expected_per_s) == (1, None)


def test_workers_follow_the_cpu_up_to_the_hosts():
    """A dear point gets more workers, never more than processors, unless the profile says."""
    cheap = predicted(lab={"ports": 250})
    dear = predicted(load={"rate": "50k/s"})
    assert (1, 4) == (cheap.workers, dear.workers)
    assert predicted(load={"workers": 7}).workers == 7
    assert dear.cpu > FACTS.cpus


def test_a_socket_range_saves_the_search():
    """The port search is predicted where it happens: not with IP_LOCAL_PORT_RANGE."""
    own = predicted(connection={"source_port": "socket_range"})
    assert own.cpu < predicted().cpu / 2


def test_a_prediction_is_plain_data():
    """What is stored with the result are the fields of Prediction, as JSON has them."""
    plain = predicted().to_dict()
    assert list(Prediction.__dataclass_fields__) == list(plain)
    assert plain.pop("pace") == [[predicted().offered_per_s] * 2 + [predicted().duration_s]]
    assert {type(value) for value in plain.values()} <= {int, float, str, bool, type(None)}


@given(
    ports=st.integers(2, 64_512),
    pace=st.sampled_from(
        [
            {},
            *({"rate": rate} for rate in ("0.001/s", "1M/s", "0.001x", "1x textbook")),
            {"rate": "1000x saturated"},
            *({"ramp": ramp} for ramp in ("0.001/s to 1M/s", "1000x to 0.001x", "1x to 1.1x")),
            {"ramp": "2x to 1/s over 90ms"},
            {"steps": ["0.5x for 50ms", "1000x for 40ms", "1x"]},
        ]
    ),
    arrivals=st.sampled_from(["constant", "poisson"]),
    fill=st.sampled_from(["0s", "0.3tw", "1tw", "1s", "7h"]),
    window=st.sampled_from(["0.1s", "0.1tw", "3tw", "90s", "7h"]),
    delay=st.integers(1, 60_000),
    sysctls=st.sampled_from([{}, REUSE, {"net.ipv4.tcp_max_tw_buckets": 0}]),
    kernel=st.sampled_from(["6.18.1", "6.6.0", "5.10.0-9-amd64", "weird"]),
)
def test_no_point_that_reads_is_beyond_the_model(
    ports, pace, arrivals, fill, window, delay, sysctls, kernel
):
    """Every point that the reader takes is predicted, and no expectation exceeds the offer."""
    prediction = predicted(
        replace(FACTS, kernel=kernel),
        lab={"ports": ports, "sysctls": {**sysctls, "net.ipv4.tcp_tw_reuse_delay": delay}},
        load=pace | {"arrivals": arrivals},
        method={"fill": fill, "window": window},
    )
    assert prediction.workers >= 1
    if prediction.hold_s == 0:
        assert prediction.saturated_per_s is None
    if prediction.expected_per_s is not None and prediction.offered_per_s is not None:
        assert 0 <= prediction.expected_per_s <= prediction.offered_per_s
