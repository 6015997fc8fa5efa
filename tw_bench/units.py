"""Quantities as people write them (`400/s`, `1.5m`, `2tw`, `64KiB`) and as the code keeps them.

Parsers raise ValueError whose text says what is wanted; the reader adds file and line.
"""

import re
from decimal import Decimal

NS_PER_S = 1_000_000_000

# No longer than what a person writes, so that nothing overflows; decimal, so that 1.1k is 1100.
_NUMBER = r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,12})?)"
_SI = {"": 1, "k": 1_000, "M": 1_000_000}
_SECONDS = {"us": "0.000001", "ms": "0.001", "s": "1", "m": "60", "h": "3600"}
_PORTS = 64_512  # from ip_unprivileged_port_start, 1024, to 65535
_BYTES = {"": 1, "B": 1, "kB": 1_000, "KiB": 1_024, "MB": 1_000_000, "MiB": 1_048_576}


def _scaled(number: str, unit: str | int) -> float:
    return float(Decimal(number) * Decimal(unit))


def parse_duration(text: object) -> tuple[float, str]:
    """Return (number, unit), the unit being `s` or `tw` (TIME_WAIT lengths of the point).

    >>> parse_duration("250ms"), parse_duration("2tw"), parse_duration(5)
    ((0.25, 's'), (2.0, 'tw'), (5.0, 's'))
    """
    want = "a duration such as 30s, 500ms, 2m, or 2tw (TIME_WAIT lengths)"
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = f"{Decimal(repr(text)):f}s"
    match = re.fullmatch(_NUMBER + r"\s*(?P<unit>us|ms|s|m|h|tw)", str(text).strip())
    if match is None:
        raise ValueError(f"want {want}")
    if match["unit"] == "tw":
        return float(match["number"]), "tw"
    return _scaled(match["number"], _SECONDS[match["unit"]]), "s"


def parse_rate(text: object) -> tuple[float, str]:
    """Return (number, unit): `/s`, or the limit that the number multiplies.

    A bare `x` multiplies the sustainable limit, the one a service can be planned by.

    >>> parse_rate("400/s"), parse_rate("1.5k/s")
    ((400.0, '/s'), (1500.0, '/s'))
    >>> parse_rate("1.25x"), parse_rate("1.02x textbook")
    ((1.25, 'sustainable'), (1.02, 'textbook'))
    """
    want = "a rate above zero such as 400/s, 5k/s, 1.25x or 1.02x textbook"
    match = re.fullmatch(
        _NUMBER + r"\s*(?:(?P<si>[kM]?)/s|x(?:\s+(?P<limit>textbook|sustainable|saturated))?)",
        str(text).strip(),
    )
    if match is None or float(match["number"]) == 0:
        raise ValueError(f"want {want}")
    if match["si"] is None:
        return float(match["number"]), match["limit"] or "sustainable"
    return _scaled(match["number"], _SI[match["si"]]), "/s"


def parse_share(text: object) -> float:
    """Return a share of one, from 0 % to 100 %.

    >>> parse_share("2%"), parse_share("0.5 %"), parse_share(0)
    (0.02, 0.005, 0.0)
    """
    match = re.fullmatch(_NUMBER + r"\s*%|0", str(text).strip())
    if match is None or float(match["number"] or 0) > 100:
        raise ValueError("want a share such as 2%, 0.1% or 0")
    return _scaled(match["number"] or "0", "0.01")


def parse_bytes(text: object) -> int:
    """Return a whole count of bytes.

    >>> parse_bytes("4KiB"), parse_bytes(64)
    (4096, 64)
    """
    match = re.fullmatch(_NUMBER + r"\s*(?P<unit>B|kB|KiB|MB|MiB|)", str(text).strip())
    size = _scaled(match["number"], _BYTES[match["unit"]]) if match else 0.5
    if not size.is_integer():
        raise ValueError("want a size such as 64, 4KiB or 1MB")
    return int(size)


def parse_ports(text: object) -> tuple[int, int]:
    """Return the ephemeral port range (low, high), both ends included.

    A bare count starts where Linux starts (32768), and lower down only when it must.

    >>> parse_ports("32768-60999"), parse_ports(500), parse_ports(64_512)
    ((32768, 60999), (32768, 33267), (1024, 65535))
    """
    want = "a count of ports such as 500, or a range such as 32768-60999"
    match = re.fullmatch(r"([0-9]{1,9})(?:\s*[-–]\s*([0-9]{1,9}))?", str(text).strip())
    if match is None:
        raise ValueError(f"want {want}")
    if match[2] is None:
        count = int(match[1])
        if count > _PORTS:
            raise ValueError(f"is more than there are: want at most {_PORTS:,} (1024 to 65535)")
        low = min(32_768, 65_536 - count)
        high = low + count - 1
    else:
        low, high = int(match[1]), int(match[2])
    return check_ports(low, high)


def check_ports(low: int, high: int) -> tuple[int, int]:
    """Return the range, or raise ValueError with the reason why Linux would refuse it."""
    count = high - low + 1
    if count <= 0:
        raise ValueError("is empty: want at least two ports")
    if count == 1:
        raise ValueError("holds a single port: want at least two")
    if low < 1_024:
        raise ValueError(
            f"starts at {low}, below ip_unprivileged_port_start: "
            f"want 1024 or more ({_PORTS:,} ports at the most)"
        )
    if high > 65_535:
        raise ValueError(f"ends at {high}: want 65535 or less")
    return low, high


def parse_lifetime(text: str | int) -> tuple[str, int, int, float]:
    """Return (kind, least, most, mean) of the number of requests a connection carries.

    >>> parse_lifetime(1), parse_lifetime("10-20"), parse_lifetime("geometric 100")
    (('fixed', 1, 1, 1.0), ('uniform', 10, 20, 15.0), ('geometric', 1, 0, 100.0))
    """
    want = "want a number of requests such as 1, 100, 10-1000 or geometric 100"
    if isinstance(text, bool) or not isinstance(text, int | str):
        raise ValueError(want)
    match = re.fullmatch(r"(geometric\s+)?([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", str(text).strip())
    if match is None or int(match[2]) == 0 or (match[1] and match[3]):
        raise ValueError(want)
    least, most = int(match[2]), int(match[3] or match[2])
    if most < least:
        raise ValueError(want)
    if match[1]:
        return "geometric", 1, 0, float(least)
    return "uniform" if match[3] else "fixed", least, most, (least + most) / 2


def duration_text(seconds: float) -> str:
    """Return seconds as a person says them.

    >>> duration_text(0.004), duration_text(12.34), duration_text(184.32)
    ('4 ms', '12.3 s', '3 min 04 s')
    """
    if seconds < 0.9995:  # what rounds to a second is said as one
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 99.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def rate_text(per_s: float) -> str:
    """Return a rate with the digits that matter.

    >>> rate_text(4.0690), rate_text(459.505), rate_text(28232)
    ('4.07/s', '459.5/s', '28,232/s')
    """
    if per_s < 100:
        return f"{per_s:.2f}/s"
    return f"{per_s:,.1f}/s" if per_s < 10_000 else f"{per_s:,.0f}/s"
