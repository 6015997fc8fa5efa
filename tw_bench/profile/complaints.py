"""What pydantic found wrong → one line: place, path, what was found, what is wanted."""

import difflib
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tw_bench.errors import ProfileError
from tw_bench.profile.document import Document, KeyPath, complaint

# pydantic's error type → what is wanted, with the names of its context
_WANTED = {
    "model_type": "a map of settings",
    "dict_type": "a map of settings",
    "list_type": "a list",
    "string_type": "text",
    "string_unicode": "text",
    "int_type": "a whole number",
    "literal_error": "{expected}",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "too_short": "{min_length} or more",
    "too_long": "{max_length} at the most",
    "string_pattern_mismatch": "small letters, digits and dashes, such as time-lapse",
}


def first_complaint(
    model: type[BaseModel], document: Document, error: ValidationError
) -> ProfileError:
    """Return the error to raise for what pydantic found; a misspelt key comes first.

    An unknown key is often the cause of what else is wrong or missing.
    """
    errors: list[Any] = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first = errors[0]
    path = tuple(key for key in first["loc"] if key != "[key]")
    dotted = ".".join(str(key) for key in path)
    if first["type"] == "extra_forbidden":
        names = _field_names(model, path[:-1])
        near = nearest(str(path[-1]), names)
        hint = f"did you mean {near!r}?" if near else f"want one of {', '.join(names)}"
        return complaint(document.place(path), f"unknown key {dotted!r}: {hint}")
    if first["type"] == "missing":
        return complaint(document.place(path), f"{dotted}: is missing")
    return complaint(document.place(path), f"{dotted}: {_found_and_wanted(first)}")


def nearest(word: str, known: list[str]) -> str | None:
    """Return the known word that was most likely meant."""
    return next(iter(difflib.get_close_matches(word, known, 1, 0.5)), None)


def _found_and_wanted(error: Any) -> str:
    found = _short(error["input"])
    if error["type"] == "value_error":
        wanted = str(error["ctx"]["error"])
        if wanted.startswith("want "):
            return f"got {found}: {wanted}"
        is_named = isinstance(error["input"], dict) or "[key]" in error["loc"]
        return wanted if is_named else f"{found} {wanted}"
    template = _WANTED.get(error["type"])
    wanted = template.format(**error.get("ctx", {})) if template else error["msg"]
    return f"got {found}: want {wanted}"


def _short(value: Any) -> str:
    """Return a value as the profile spells it, cut where it gets long."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _field_names(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that the model knows at a path."""
    kind: Any = model
    for key in path:
        if isinstance(key, int):
            kind = next(iter(get_args(kind)), None)
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and key in kind.model_fields:
            kind = kind.model_fields[key].annotation
            if get_origin(kind) in (Union, UnionType):
                kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return []
