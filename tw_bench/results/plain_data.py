"""What is kept as plain data, so that a run of any age is read, and still has known fields."""

import json
from collections.abc import Collection
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import AfterValidator, ConfigDict, ValidationError, create_model


def fields_of(kind: type, wanted: Collection[str] = ()) -> AfterValidator:
    """Return what checks plain data: the fields of a dataclass that are there have its types.

    Those that are `wanted` are there, unless nothing is.
    """
    hints = get_type_hints(kind)
    known: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.name in wanted else None)
        for field in fields(kind)
    }
    model = create_model(kind.__name__, __config__=ConfigDict(strict=True), **known)

    def check(data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            return data
        try:
            model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"{where}: {first['msg']}") from error
        return data

    return AfterValidator(check)
