"""The section `find`: what is looked for by probes, and when a probe is clean."""

from typing import Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from tw_bench.profile.quantities import DurationField, RateField, Share, ShareField
from tw_bench.profile.sections import Section

SHORT = "max_rate"  # `find: max_rate`: all defaults


class MaxRateSpec(Section):
    """The highest constant rate of an open loop that is clean: no error, and no missed slot."""

    start: RateField | None = Field(
        None, description="The first probe; else about half the predicted limit, or 100/s"
    )
    most: RateField | None = Field(None, description="No probe is higher; else 1000000/s")
    refusals: ShareField = Field(
        Share(0.0), description="Share of the slots that may be refused, or held back after one"
    )
    latency_p50: DurationField | None = Field(
        None, description="Bound of the median, from the intended start to the end"
    )
    latency_p99: DurationField | None = Field(None, description="The same of the 99th percentile")
    precision: ShareField = Field(
        Share(0.02),
        description="The search ends when its interval is no wider; 1 / ports at the least",
    )
    probes: int = Field(16, ge=2, le=100, description="How many rates are tried at the most")
    side_by_side: int = Field(
        1, ge=1, le=8, description="Probes at once, where the processors carry them"
    )


class FindSpec(Section):
    """What is looked for."""

    max_rate: MaxRateSpec

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, value: Any) -> Any:
        """Return the short form written out."""
        if value == SHORT:
            return {SHORT: {}}
        if isinstance(value, dict | FindSpec):
            return value
        raise ValueError("want max_rate, or a map such as {max_rate: {precision: 1%}}")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say that the short form is allowed too."""
        return {
            "anyOf": [{"const": SHORT}, super().__get_pydantic_json_schema__(core_schema, handler)]
        }
