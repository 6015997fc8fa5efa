"""A network device whose other end is a program: TUN, packets without a link layer (tun(4))."""

import fcntl
import os
import struct

# Linux: include/uapi/linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000  # a packet begins with its IP header

_DEVICE = "/dev/net/tun"
_REMEDY = "want the module (sudo modprobe tun), and in a container --device /dev/net/tun"


def open_device(name: str) -> int:
    """Make a TUN device in the caller's network namespace; return the descriptor of its far end.

    What the kernel sends through the device is read from there, a packet a read(2); what is
    written there arrives at the device. Reads do not block.

    Raises:
        OSError: there is no /dev/net/tun, or no right to make a device; the first says what helps.
    """
    try:
        descriptor = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {_REMEDY}", _DEVICE) from error
    try:
        fcntl.ioctl(
            descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI)
        )
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, error.strerror, _DEVICE) from error
    return descriptor
