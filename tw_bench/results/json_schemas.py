"""The JSON Schemas of profile, scenario, manifest and summary: draft 2020-12, as they are shipped.

What the models keep as plain data, so that an older run is still read, has its real type here: a
prediction, host facts, the points. A field is described by its description, or by the comment on
its line. tw_bench/schemas/ has the texts; `make golden` rewrites them.
"""

import ast
import inspect
import io
import json
import re
import textwrap
import tokenize
from typing import Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tw_bench.plan.host_facts import HostFacts
from tw_bench.plan.prediction import Prediction
from tw_bench.profile.model import Point, Profile
from tw_bench.profile.scenario import Scenario
from tw_bench.results import schema

Kind: TypeAlias = Literal["profile", "scenario", "manifest", "summary"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Added within format 1: the oldest runs say nothing of them.
_NOT_ALWAYS = {"pace", "offered_spread_per_s"}


def json_schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON Schema of one kind of document."""
    document = _model(kind).model_json_schema(schema_generator=_Described)
    types = document.pop("$defs")
    if kind not in ("profile", "scenario"):
        required = types["Prediction"]["required"]
        types["Prediction"]["required"] = [name for name in required if name not in _NOT_ALWAYS]
    head = {"$schema": _DIALECT, "$id": f"urn:tw-bench:{kind}"}
    return {**head, **document, "title": f"tw-bench {kind}", "$defs": types}


def json_schema_text(kind: Kind) -> str:
    """Return the same as it is shipped."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def _model(kind: Kind) -> type[BaseModel]:
    """Return a model of the document in which everything has its type."""
    if kind == "profile":
        return Profile
    if kind == "scenario":
        return Scenario
    if kind == "summary":
        point = _typed(schema.PointResult, prediction=Prediction)
        return _typed(schema.Summary, points=list[point])  # type: ignore[valid-type]
    planned = create_model("PlannedPoint", __base__=_Planned, prediction=(Prediction, ...))
    return _typed(
        schema.Manifest,
        host=HostFacts,
        points=list[planned],
        profile_effective=Profile,
    )


class _Planned(Point):
    """A point in full, with its prediction."""

    model_config = ConfigDict(extra="allow")


def _typed(model: type[BaseModel], **fields: Any) -> type[BaseModel]:
    """Return a model with other types of some fields."""
    given: dict[str, Any] = {name: (kind, ...) for name, kind in fields.items()}
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **given)


class _Described(GenerateJsonSchema):
    """Gives each field a description, and no title made of its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _describe(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _describe(super().dataclass_schema(schema), schema["cls"])


def _describe(document: JsonSchemaValue, of: type) -> JsonSchemaValue:
    """Add what the comments of a class say of its fields; a base's own come first."""
    comments: dict[str, str] = {}
    for base in reversed(of.__mro__):
        comments |= _comments(base)
    for name, field in document.get("properties", {}).items():
        if name in comments:
            field.setdefault("description", comments[name])
    return document


def _comments(of: type) -> dict[str, str]:
    """Return field → the comment on its line, in JSON's words; nothing of a class without text."""
    try:
        source = textwrap.dedent(inspect.getsource(of))
    except (OSError, TypeError):
        return {}
    lines = io.StringIO(source).readline
    comments = {
        token.start[0]: re.sub(r"\bNone\b", "null", token.string.lstrip("# "))
        for token in tokenize.generate_tokens(lines)
        if token.type == tokenize.COMMENT
    }
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: comments[field.end_lineno]
        for field in definition.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if field.end_lineno in comments
    }
