"""Descriptors that travel over a Unix socket."""

import os
import socket

from tw_bench.kernel import descriptors


def test_what_arrives_is_closed_on_exec():
    """No program that is started later inherits it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        descriptors.send(ours, b"here", [0, 1])
        message, arrived = descriptors.receive(theirs)
        assert (b"here", 2) == (message, len(arrived))
        assert not any(os.get_inheritable(descriptor) for descriptor in arrived)
        for descriptor in arrived:
            os.close(descriptor)


def test_the_end_of_the_other_side_is_an_empty_message():
    """Nothing came, and nothing will."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        assert (b"", []) == descriptors.receive(theirs)
