"""Messages of a Unix socket with descriptors, which no program started later inherits."""

import array
import socket

LONGEST_MESSAGE = 128 * 1024
_MOST_DESCRIPTORS = 64


def send(control: socket.socket, message: bytes, descriptors: list[int]) -> None:
    """Send a message with descriptors.

    Raises:
        OSError: EMSGSIZE where it is longer than the other end takes; or it has gone.
    """
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    control.sendmsg([message], ancillary if descriptors else [])


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Return a message and its descriptors, closed on exec; nothing: the other end has closed.

    Not socket.recv_fds(): it takes flags and does not pass them on (seen in Python 3.11 to 3.13).
    """
    room = socket.CMSG_LEN(_MOST_DESCRIPTORS * array.array("i").itemsize)
    message, ancillary, _, _ = control.recvmsg(LONGEST_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)
