"""The flags of `tw-bench plan` → a demand. A mistake is one line: flag, what it got, what it wants.

A new flag: a type here, a field of DemandFlags, and a parameter of the same name in plan().
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tw_bench import units
from tw_bench.errors import ProfileError

if TYPE_CHECKING:
    from tw_bench.plan.demand import Demand
    from tw_bench.profile.quantities import PortRange

Parsed = TypeVar("Parsed")


def _flag(help: str, metavar: str) -> Any:
    return typer.Option(help=help, metavar=metavar, show_default=False)


Text = str | None
RateFlag = Annotated[Text, _flag("Requests a second: 3000/s, 5k/s.", "RATE")]
Destinations = Annotated[Text, _flag("Pairs of address and port that are called (default 1).", "N")]
Sources = Annotated[Text, _flag("Addresses that are called from (default 1).", "N")]
Requests = Annotated[Text, _flag("1: short-lived; more: kept alive (default 1).", "N")]
ResponseTime = Annotated[Text, _flag("From the request to its response: 8ms (default 0s).", "TIME")]
RoundTrip = Annotated[Text, _flag("Of a packet, there and back (default 500us).", "TIME")]
Closer = Annotated[Text, _flag("client (the default), server or both closes first.", "END")]
Close = Annotated[Text, _flag("fin (the default), rst, half or unread.", "HOW")]
SourcePort = Annotated[
    Text, _flag("autobind, bind_zero, bind_no_port, ... (default autobind).", "HOW")
]
ReuseAddress = Annotated[bool, typer.Option("--reuse-address", help="SO_REUSEADDR at the client.")]
Loopback = Annotated[bool, typer.Option("--loopback", help="The destination is 127.0.0.1 or ::1.")]
Backlog = Annotated[Text, _flag("Of the server's accept queue (default somaxconn).", "N")]
PortsFlag = Annotated[Text, _flag("The ephemeral range: 32768-60999, or 500.", "PORTS")]

_MOST = 1_000_000  # addresses, ports or places in a queue that a person can mean
_LEAST_PER_S = 0.001
_LONGEST_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandFlags:
    """What was given on the command line, as text; None where nothing was."""

    rate: str | None
    destinations: str | None
    sources: str | None
    requests_per_connection: str | None
    response_time: str | None
    round_trip: str | None
    closer: str | None
    close: str | None
    source_port: str | None
    reuse_address: bool
    loopback: bool
    backlog: str | None
    ports: str | None

    def names(self) -> list[str]:
        """Return the flags that were given, as they are typed."""
        names = [name for name in self.__slots__ if getattr(self, name)]
        return [f"--{name.replace('_', '-')}" for name in names]

    def demand(self) -> "Demand":
        """Return what is asked.

        Raises:
            ProfileError: a flag is wrong, or two contradict each other.
        """
        from tw_bench.plan.demand import Demand

        given: dict[str, Any] = {
            "rate_per_s": _parsed("--rate", self.rate, _rate),
            "destinations": _parsed("--destinations", self.destinations, _count),
            "sources": _parsed("--sources", self.sources, _count),
            "requests_per_connection": _parsed(
                "--requests-per-connection", self.requests_per_connection, _requests
            ),
            "response_time_s": _parsed("--response-time", self.response_time, _seconds),
            "round_trip_s": _parsed("--round-trip", self.round_trip, _some_seconds),
            "backlog": _parsed("--backlog", self.backlog, _count),
            **self._connection(),
        }
        return Demand(
            reuse_address=self.reuse_address,
            loopback=self.loopback,
            **{name: value for name, value in given.items() if value is not None},
        )

    def port_range(self) -> "PortRange | None":
        """Return the range of --ports."""
        from tw_bench.profile.quantities import PortRange

        ends = _parsed("--ports", self.ports, units.parse_ports)
        return None if ends is None else PortRange(*ends)

    def _connection(self) -> dict[str, str | None]:
        """Return how connections are opened and closed, checked as a profile's are."""
        from typing import get_args

        from tw_bench.profile.sections import ConnectionSpec

        fields = {"active_closer": self.closer, "close": self.close}
        source_port = self.source_port
        if source_port is None and int(self.sources or 1) > 1:
            source_port = "bind_no_port"  # with autobind the route chooses the one address
        fields["source_port"] = source_port
        flags = {"active_closer": "--closer", "close": "--close", "source_port": "--source-port"}
        for name, value in fields.items():
            known = get_args(ConnectionSpec.model_fields[name].annotation)
            if value is not None and value not in known:
                raise ProfileError(f"{flags[name]}: got {value!r}: want one of {', '.join(known)}")
        _check_pair(fields["active_closer"] or "client", fields["close"] or "fin")
        if source_port == "autobind" and int(self.sources or 1) > 1:
            raise ProfileError(
                "--source-port: got autobind with several --sources: the route chooses the one "
                "address: want bind_no_port"
            )
        return fields


def _check_pair(closer: str, close: str) -> None:
    if closer != "client" and close in ("half", "unread"):
        raise ProfileError(f"--close: got {close!r} with --closer {closer}: want fin or rst")
    if closer == "both" and close != "fin":
        raise ProfileError(f"--close: got {close!r}: when both ends close, FINs cross: want fin")


def _parsed(flag: str, text: str | None, parse: Callable[[str], Parsed]) -> Parsed | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ProfileError(f"{flag}: got {text!r}: {error}") from error


def _rate(text: str) -> float:
    """A profile's rate may be a multiple of a limit, and an error there says so; not here."""
    try:
        number, unit = units.parse_rate(text)
    except ValueError:
        number, unit = 0.0, ""
    if unit != "/s" or not _LEAST_PER_S <= number <= _MOST:
        raise ValueError(f"want requests a second such as 400/s or 5k/s, at most {_MOST:,}/s")
    return number


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MOST):
        raise ValueError(f"want a whole number from 1 to {_MOST:,}")
    return int(text)


def _requests(text: str) -> float:
    return units.parse_lifetime(text)[3]


def _seconds(text: str) -> float:
    try:
        number, unit = units.parse_duration(text)
    except ValueError:
        number, unit = 0.0, ""
    if unit != "s" or number > _LONGEST_S:
        raise ValueError("want a time such as 8ms, 250us or 2s, a day at the most")
    return number


def _some_seconds(text: str) -> float:
    number = _seconds(text)
    if not number:
        raise ValueError("want a time above zero such as 500us")
    return number
