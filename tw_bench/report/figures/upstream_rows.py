"""What the upstreams picture shows, row by row: what a way through a proxy gave and cost."""

from collections.abc import Sequence
from typing import NamedTuple

from tw_bench.report.comparison import is_at_least
from tw_bench.report.figures import style
from tw_bench.report.figures.run_data import PointData
from tw_bench.report.proxied_answer import (
    Ending,
    ending,
    is_least_limit,
    proxy_name,
    wrong_share,
)

_DASH = "–"
_WHOLE = 100  # requests: from here on without a fraction
_CLOSERS: dict[Ending, str] = {
    "kept": "kept open",
    "target": "target",
    "target_rst": "target, RST",
    "proxy_rst": "{proxy}, RST",
    "proxy": "{proxy}",
    "either": "now {proxy}, now target",
    "unseen": "not seen",
}


class Row(NamedTuple):
    """A way through a proxy, and its place."""

    point: PointData
    y: float  # of the row's middle, in rows from the top

    @property
    def right_per_s(self) -> float:
        """Responses in the window that were right; 0 where nothing was measured, too."""
        measured = self.point.result.measured
        return measured.goodput_per_s if measured is not None else 0.0

    @property
    def wrong_per_s(self) -> float:
        """All that was tried in the window and did not end well."""
        measured = self.point.result.measured
        if measured is None:
            return 0.0
        return max(0.0, measured.attempted_per_s - measured.goodput_per_s)

    @property
    def total_per_s(self) -> float:
        """Both together."""
        return self.right_per_s + self.wrong_per_s

    @property
    def limit_per_s(self) -> float | None:
        """The predicted limit; None: unlimited."""
        return self.point.prediction.saturated_per_s

    @property
    def name(self) -> str:
        """Which way it is."""
        return self.point.result.group

    @property
    def words(self) -> str:
        """What its profile says of it, or why it failed."""
        return self.point.result.error or self.point.result.title

    @property
    def cells(self) -> list[str]:
        """What stands beside the bar, in the order of COLUMNS (upstream_bars.py)."""
        way, measured = self.point.result.forwarding, self.point.result.measured
        each = None if way is None else way.requests_per_connection
        at_proxy = None if way is None else way.time_wait.get("server", 0)
        ports = self.point.prediction.usable_ports
        return [
            self._limit_text(),
            self._right_text(),
            _DASH if measured is None else f"{100 * (wrong_share(measured) or 0):.1f} %",
            _DASH if way is None else f"{way.connections:,}",
            _DASH if each is None else f"{each:,.3g}" if each < _WHOLE else f"{each:,.0f}",
            self._closer(),
            _DASH if at_proxy is None else f"{at_proxy:,} of {ports:,}",
            self._at_target(),
        ]

    @property
    def is_dry(self) -> bool:
        """Whether the proxy had no port left for some of the requests."""
        measured = self.point.result.measured
        return measured is not None and measured.refusals > 0

    def _limit_text(self) -> str:
        if self.limit_per_s is None:
            return "none"
        return f"{'≥ ' if is_least_limit(self.point.result) else ''}{_rate(self.limit_per_s)}"

    def _right_text(self) -> str:
        result = self.point.result
        if result.measured is None:
            return "failed" if result.status == "failed" else _DASH
        if is_at_least(result):
            return f"≥ {_rate(self.right_per_s)}"
        look = style.VERDICTS.get(result.verdict, style.NO_VERDICT)
        glyph = "" if result.verdict == "port-bound" else f"{look.glyph} "
        return f"{glyph}{_rate(self.right_per_s)}"

    def _closer(self) -> str:
        way = self.point.result.forwarding
        if way is None:
            return _DASH
        return _CLOSERS[ending(self.point.result)].format(proxy=proxy_name(way.kind))

    def _at_target(self) -> str:
        """Return what stood at the target when the window ended."""
        one = self.point.samples.get("server")
        if one is None:
            return _DASH
        within = one.time_wait[one.time_s <= self.point.prediction.duration_s]
        return f"{within[-1]:,.0f}" if len(within) else _DASH


def tip(row: Row) -> str:
    """Return what a row says where it is pointed at."""
    limit = row.limit_per_s
    return "\n".join(
        [
            f"{row.name}: {row.point.result.verdict}",
            f"right {style.rate_text(row.right_per_s)}, wrong {style.rate_text(row.wrong_per_s)}",
            "predicted: no limit" if limit is None else f"predicted {style.rate_text(limit)}",
        ]
    )


def make_rows(points: Sequence[PointData]) -> list[Row]:
    """Return the rows in the order of the profile."""
    return [Row(point, float(index)) for index, point in enumerate(points)]


def _rate(per_s: float) -> str:
    return style.rate_text(per_s).removesuffix("/s")
