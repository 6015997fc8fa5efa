"""A record of a run whose texts are safe to draw: control characters are spelt out in all of them.

What a log, a profile or a command says may hold anything; a picture and its SVG may not.
"""

from typing import Any, TypeVar

from pydantic import BaseModel

from tw_bench.report.text import clean

Record = TypeVar("Record", bound=BaseModel)


def safe(record: Record) -> Record:
    """Return a record with every text of it cleaned, those of the records within it too."""
    return type(record).model_construct(**{name: _safe(value) for name, value in record})


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, BaseModel):
        return safe(value)
    if isinstance(value, dict):
        return {_safe(key): _safe(one) for key, one in value.items()}
    return [_safe(one) for one in value] if isinstance(value, list) else value
