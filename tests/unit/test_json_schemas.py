"""The JSON Schemas: made from the models, true of every run and profile that is shipped."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from tw_bench.results.json_schemas import KINDS, json_schema, json_schema_text

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "tw_bench/schemas"
RUNS = sorted(
    path.parent
    for folder in ("results/reference", "tests/data/runs")
    for path in (ROOT / folder).glob("*/manifest.json")
)
OLD = ROOT / "tests/data/runs/format-1"


def shipped(kind):
    """Return what checks a document of a kind, from the shipped file."""
    return Draft202012Validator(json.loads((SHIPPED / f"{kind}.schema.json").read_text()))


def document(folder, kind):
    """Return manifest or summary of a run."""
    return json.loads((folder / f"{kind}.json").read_text())


def complaints(kind, of):
    """Return what a document of a kind has wrong."""
    return [f"{error.json_path}: {error.message}" for error in shipped(kind).iter_errors(of)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_schema_is_that_of_the_models(request, kind):
    """A field that was added, and `make golden` forgotten: the shipped file says otherwise."""
    path = SHIPPED / f"{kind}.schema.json"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json_schema_text(kind), encoding="utf-8")
    Draft202012Validator.check_schema(json_schema(kind))
    assert path.read_text(encoding="utf-8") == json_schema_text(kind), "make golden rewrites it"


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_what_it_is(kind):
    """Each has a description of its own, or that of the type it points at."""
    whole = json_schema(kind)
    assert whole["$id"] == f"urn:tw-bench:{kind}"
    assert whole["description"]
    silent = [
        f"{name}.{field}"
        for name, of in [(kind, whole), *whole["$defs"].items()]
        for field, says in of.get("properties", {}).items()
        if "description" not in says and "$ref" not in json.dumps(says)
    ]
    assert silent == []


def test_every_shipped_scenario_is_as_the_schema_says():
    """Also where a name stands for the settings of a call, and one expectation for a list."""
    wrong: list[str] = []
    for path in sorted((ROOT / "profiles" / "scenarios").glob("*.yaml")):
        data = YAML(typ="safe").load(path)
        if "steps" in data:
            wrong += [f"{path.name}: {found}" for found in complaints("scenario", data)]
    assert wrong == []


@pytest.mark.parametrize("folder", RUNS, ids=lambda path: path.name)
@pytest.mark.parametrize("kind", ["manifest", "summary"])
def test_every_committed_run_is_as_its_schema_says(folder, kind):
    """Of whatever format: what was optional once is optional still."""
    assert complaints(kind, document(folder, kind)) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_profile_is_as_its_schema_says(path):
    """An editor that checks with the schema finds nothing wrong with them."""
    assert complaints("profile", YAML(typ="safe").load(path)) == []


def lay(of, path, value):
    """Return a copy of a document with another value in one place; None: without it."""
    changed = copy.deepcopy(of)
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


FIRST = ("points", 0)
BROKEN: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "summary": [
        (("points",), None),
        (("status",), "done"),
        (("points",), {}),
        ((*FIRST, "verdict"), "port bound"),
        ((*FIRST, "measured"), None),
        ((*FIRST, "measured", "goodput_per_s"), "50/s"),
        ((*FIRST, "measured", "refusals"), 1.5),
        ((*FIRST, "latency_us", "p99"), None),
        ((*FIRST, "prediction", "sustainable_per_s"), None),
        ((*FIRST, "prediction", "four_tuples"), "50"),
        ((*FIRST, "outcomes", 0, "count"), "1"),
        ((*FIRST, "counters", "client", "TcpExt.TW"), 0.5),
        ((*FIRST, "time_wait", "client", "peak"), None),
        ((*FIRST, "ledger", 0, "kernel"), None),
    ],
    "manifest": [
        (("host",), None),
        (("host", "hz"), "250"),
        (("host", "ceilings"), []),
        (("argv",), "tw-bench run"),
        (("waves",), [["a", 1]]),
        (("points", 0, "prediction"), None),
        (("points", 0, "lab", "ports"), []),
        (("profile_effective", "title"), None),
        (("started_at",), None),
        (("files",), {"summary.json": 7}),
    ],
    "profile": [
        (("title",), None),
        (("titel",), "a typing error"),
        (("lab",), {"port": 500}),
        (("lab",), {"topology": "triple"}),
        (("load",), {"closed_loop": 0}),
        (("method",), {"window": True}),
        (("parts",), [{"title": "a part without a name"}]),
        (("find",), "min_rate"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [(kind, path, value) for kind, all_of in BROKEN.items() for path, value in all_of],
    ids=str,
)
def test_a_broken_document_is_rejected(kind, path, value):
    """A field gone, of another type, or of a word that is none."""
    whole = {"title": "x"} if kind == "profile" else document(OLD, kind)
    assert complaints(kind, whole) == []
    assert complaints(kind, lay(whole, path, value)) != []


def test_a_later_field_is_no_error():
    """A run of a later minor change says more, and is read all the same."""
    for kind in ("manifest", "summary"):
        later = document(OLD, kind) | {"more": {"than": "today"}}
        later["points"][0]["more"] = 1
        assert complaints(kind, later) == []


@pytest.mark.parametrize("words", [[], *([kind] for kind in KINDS)], ids=str)
def test_the_command_prints_the_shipped_file(words):
    """`tw-bench schema` prints the profile's, or the one that is asked for."""
    done = subprocess.run(
        [sys.executable, "-m", "tw_bench", "schema", *words],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (kind,) = words or ["profile"]
    assert done.stdout == (SHIPPED / f"{kind}.schema.json").read_text(encoding="utf-8")
