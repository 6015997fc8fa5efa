"""What a worker's small integers mean."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_bench.results import outcomes
from tw_bench.results.outcomes import Outcome, decode

BEGINNINGS = {
    "socket": outcomes.SOCKET,
    "bind": outcomes.BIND,
    "connect": outcomes.CONNECT,
    "send": outcomes.SEND,
    "receive": outcomes.RECEIVE,
    "close": outcomes.CLOSE,
}
REFUSALS = ("EADDRNOTAVAIL", "EADDRINUSE", "EMFILE", "ENFILE")


def test_a_connection_goes_through_the_phases_in_order():
    """The codes of the phases grow in the order a connection meets them."""
    assert (*BEGINNINGS, "status") == outcomes.PHASES
    assert sorted(BEGINNINGS.values()) == list(BEGINNINGS.values())


@pytest.mark.parametrize(("status", "is_refusal"), [(404, False), (502, True), (503, True)])
def test_a_status_is_an_outcome(status, is_refusal):
    """An HTTP status keeps its number; a proxy that could not reach the target refuses."""
    outcome = decode(outcomes.STATUS + status)
    assert Outcome("status", str(status)) == outcome
    assert (False, is_refusal) == (outcome.is_ok, outcome.is_refusal)


@pytest.mark.parametrize("phase", BEGINNINGS)
def test_every_errno_in_every_phase_is_told_apart(phase):
    """A code gives back its phase and the errno's name."""
    for number, name in errno.errorcode.items():
        assert Outcome(phase, name) == decode(BEGINNINGS[phase] + number)


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (outcomes.TIMEOUT, "timeout"),
        (outcomes.EARLY_EOF, "early_eof"),
        (outcomes.BAD_RESPONSE, "bad_response"),
        (899, "errno 899"),
    ],
)
def test_ends_of_our_own_and_unknown_ones_have_names(reason, name):
    """Ends without an errno are named, and an errno that Python does not know keeps its number."""
    assert Outcome("receive", name) == decode(outcomes.RECEIVE + reason)


def test_our_own_reasons_are_no_errno():
    """The numbers of our own ends lie above every errno of this kernel."""
    own = {outcomes.TIMEOUT, outcomes.EARLY_EOF, outcomes.BAD_RESPONSE}
    assert min(own) > max(errno.errorcode)


def test_success_is_zero_and_the_only_success():
    """Code 0 is a whole transaction, closed as the profile says."""
    assert Outcome("close", "ok") == decode(outcomes.OK)
    assert decode(outcomes.OK).is_ok
    assert not decode(outcomes.OK).is_refusal


@pytest.mark.parametrize("phase", BEGINNINGS)
@pytest.mark.parametrize("reason", [*REFUSALS, "ECONNREFUSED", "ETIMEDOUT", "timeout"])
def test_a_refusal_is_what_the_clients_kernel_had_no_port_for(phase, reason):
    """Only a lack of ports or descriptors, before the handshake, is a refusal."""
    expected = reason in REFUSALS and phase in ("socket", "bind", "connect")
    assert expected == Outcome(phase, reason).is_refusal


@given(st.integers(1000, 6999))
def test_every_code_is_some_end(code):
    """No code between the first phase and the last is beyond decoding, and none is success."""
    outcome = decode(code)
    assert outcome.phase in outcomes.PHASES
    assert not outcome.is_ok


@pytest.mark.parametrize(
    "reason", [*REFUSALS, "ECONNREFUSED", "ECONNRESET", "timeout", "early_eof"]
)
def test_the_usual_ends_have_words(reason):
    """What a person meets is said in words, and nothing is said of the rest."""
    assert Outcome("connect", reason).words
    assert Outcome("connect", "EXFULL").words == ""
