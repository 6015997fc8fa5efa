"""What the house does not do: the invariants of ARCHITECTURE.md, held by reading the code."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text())
    for path in sorted((ROOT / "tw_bench").rglob("*.py"))
}
PROCESS_MAINS = {
    "tw_bench/lab/keeper.py",
    "tw_bench/lab/port_holder.py",
    "tw_bench/load/worker.py",
    "tw_bench/observe/closers.py",
    "tw_bench/observe/directions.py",
    "tw_bench/observe/sampler.py",
    "tw_bench/targets/embedded_server.py",
}
HEAVY = {"matplotlib", "numpy", "pydantic", "pyroute2", "rich", "ruamel"}
NAMES_THAT_SAY_NOTHING = {
    "common", "core", "data", "helper", "helpers", "info", "lib", "manager", "misc", "util",
    "utils",
}  # fmt: skip
LONGEST_MODULE = 300
LONGEST_LOOP = 100
LONGEST_FUNCTION = 40


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.lineno, str(node.module)


def importers(package: str) -> list[str]:
    """Return the places that import a package."""
    return [
        f"{path}:{line}"
        for path, tree in MODULES.items()
        for line, name in imports(tree)
        if name.partition(".")[0] == package
    ]


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages that a fresh Python has loaded after running the code."""
    code += (
        "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def public(body: list[ast.stmt]) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield what a module or class offers: its public classes, functions and methods."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def test_imports_go_down_only():
    """cli → experiment → the five siblings → results → plan → profile → kernel → units, errors."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("package", "room"),
    [
        ("matplotlib", "tw_bench/report/figures"),
        ("ruamel", "tw_bench/profile/document.py"),
        ("pyroute2", "tw_bench/kernel/links.py"),
        ("prometheus_client", "tw_bench/results/openmetrics.py"),
        ("typer", "tw_bench/cli/"),
        ("jinja2", "tw_bench/report/page/page.py"),
    ],
)
def test_a_library_lives_in_one_room(package, room):
    """The library that draws, that reads YAML, that speaks netlink: each has one importer."""
    places = importers(package)
    assert places
    assert [] == [place for place in places if not place.startswith(room)]


def test_only_the_command_line_prints_and_exits():
    """Below cli/ nothing prints or exits, but for the mains of the processes that are started."""
    said = {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in MODULES.items()
        if path not in PROCESS_MAINS and not path.startswith("tw_bench/cli/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in said
    ]
    assert [] == found


def test_the_hot_loop_imports_nothing_that_can_block_log_or_format():
    """load/loop.py knows clocks, coroutines and its own room, and stays short."""
    allowed = {"asyncio", "time", "collections.abc", "typing", "dataclasses"}
    rooms = ("tw_bench.load.", "tw_bench.results.outcomes", "tw_bench.results.rows")
    path = "tw_bench/load/loop.py"
    foreign = {name for _, name in imports(MODULES[path]) if not name.startswith(rooms)} - allowed
    assert set() == foreign
    assert len((ROOT / path).read_text().splitlines()) <= LONGEST_LOOP


@pytest.mark.parametrize(
    "module",
    ["tw_bench.load.worker", "tw_bench.observe.sampler", "tw_bench.targets.embedded_server"],
)
def test_processes_beside_the_measurement_start_light(module):
    """A worker, the sampler and the target load none of the heavy libraries, by no way round."""
    assert set() == loaded_by(f"import {module}") & HEAVY


def test_help_is_quick_because_little_is_imported():
    """`tw-bench --help` draws nothing, counts nothing and reads no profile."""
    helped = loaded_by(
        "import runpy, sys\nsys.argv = ['tw-bench', '--help']\n"
        "try:\n    runpy.run_module('tw_bench', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code"
    )
    assert "typer" in helped
    assert set() == helped & {"matplotlib", "numpy", "pydantic", "pyroute2", "ruamel"}


def test_everything_that_is_offered_says_what_it_is():
    """Every module, and every public class, function and method has a docstring."""
    silent = [path for path, tree in MODULES.items() if tree.body and not ast.get_docstring(tree)]
    silent += [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in MODULES.items()
        for node in public(tree.body)
        if not ast.get_docstring(node)
    ]
    assert [] == silent


def test_functions_and_modules_are_short():
    """No function is longer than 40 lines and no module longer than 300."""
    long = [
        f"{path}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path, tree in MODULES.items()
        for node in functions(tree)
        if node.end_lineno and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    long += [
        f"{path} has {lines} lines"
        for path in MODULES
        if (lines := len((ROOT / path).read_text().splitlines())) > LONGEST_MODULE
    ]
    assert [] == long


def test_modules_and_folders_are_named_after_the_experiment():
    """No module is called utils, helpers, common or the like, and no function process()."""
    parts = {Path(part).stem for path in MODULES for part in Path(path).parts}
    assert set() == parts & NAMES_THAT_SAY_NOTHING
    called = {node.name for tree in MODULES.values() for node in functions(tree)}
    assert "process" not in called


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parent.rglob("test_*.py")), ids=lambda p: p.stem
)
def test_every_test_states_its_fact(path):
    """Each test has a docstring: one sentence, the fact it holds."""
    silent = [
        node.name
        for node in functions(ast.parse(path.read_text()))
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert [] == silent
