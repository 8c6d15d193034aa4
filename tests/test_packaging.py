"""What is shipped, what it imports, and in which direction."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import autodiff

ROOT = Path(__file__).parents[1]
PACKAGES = ("autodiff", "nn", "optim")
PUBLIC_MODULES = ("autodiff", "autodiff.testing")
"""Where ``nn`` and ``optim`` may import from."""

LAYERS = (
    {"support", "tree"},
    {"tape"},
    {"broadcasting", "anomaly", "callers"},
    {"batching"},
    {"primitive"},
    {"recorder"},
    {"dispatch", "memory"},
    {"backward"},
    {"tensor"},
    {"creation"},
    {"primitives"},
    {"boundary"},
    {"functional", "recompute", "scipy"},
    {"testing"},
)
"""The modules and packages of ``autodiff``; each imports from those above it in this list only."""

EXTRAS = {
    "autodiff.testing.strategies": {"hypothesis"},
    "autodiff.testing.primitives.calls": {"hypothesis"},
    "autodiff.testing.primitives.check": {"hypothesis"},
    "autodiff.testing.plugin": {"pytest"},
    "autodiff.testing.mutation.run": {"_pytest", "pytest"},
}
"""The modules and packages that need an optional package, and which."""

PRIVILEGES = {
    "nn.derived": {"autodiff.primitive.REGISTRY", "autodiff.recorder.compile_recorder"},
}
"""What is used of ``autodiff`` besides its public names: a derived function compiles its own recorder."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imported_in(tree: ast.AST, module: str) -> Iterator[str]:
    """Everything that a part of a module imports, in full: ``numpy``, ``autodiff.tape.Node``."""
    path = SOURCES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


@cache
def imports(module: str) -> list[str]:
    """Everything that a module imports."""
    return list(imported_in(ast.parse(SOURCES[module].read_text()), module))


def imported_modules(module: str) -> set[str]:
    """The modules of this project that a module imports."""
    found = set()
    for name in imports(module):
        if name.partition(".")[0] in PACKAGES:
            found.add(name if name in SOURCES else name.rpartition(".")[0] or name)
    return found


def layer(module: str) -> int:
    """The layer of a module of ``autodiff``."""
    part = module.split(".")[1]
    found = [i for i, names in enumerate(LAYERS) if part in names]
    assert found, f"{module} has no place in LAYERS"
    return found[0]


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("autodiff.")])
def test_imports_within_autodiff_point_one_way(module: str) -> None:
    for imported in imported_modules(module):
        assert imported != "autodiff", f"{module} imports the package it belongs to"
        inside = module.split(".")[:2] == imported.split(".")[:2]
        assert inside or layer(imported) < layer(module), f"{module} imports {imported}, which is not below it"


def test_no_import_is_part_of_a_cycle() -> None:
    graph = {name: imported_modules(name) - {name} for name in SOURCES if SOURCES[name].name != "__init__.py"}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(graph) <= set(order)


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_imported_inside_a_function(module: str) -> None:
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert not list(imported_in(node, module)), f"{module}: {node.name} imports something when called"


@pytest.mark.parametrize("module", SOURCES)
def test_only_numpy_scipy_and_the_standard_library_are_imported(module: str) -> None:
    extras = {extra for name, needed in EXTRAS.items() if f"{module}.".startswith(f"{name}.") for extra in needed}
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", *PACKAGES, *extras}
    assert {name.partition(".")[0] for name in imports(module)} <= allowed


@pytest.mark.parametrize("module", [name for name in SOURCES if not name.startswith("autodiff")])
def test_nn_and_optim_use_only_public_names_of_autodiff(module: str) -> None:
    for name in imports(module):
        source, _, attribute = name.rpartition(".")
        if name.partition(".")[0] == "autodiff" and name not in PRIVILEGES.get(module, ()):
            assert name == "autodiff" or source in PUBLIC_MODULES, f"{module} imports {name}"
            assert source != "autodiff" or attribute in autodiff.__all__, f"{module} imports {name}"


@pytest.mark.parametrize("package, others", [("autodiff", {"nn", "optim"}), ("nn", {"optim"}), ("optim", {"nn"})])
def test_packages_are_independent_of_those_beside_and_above_them(package: str, others: set[str]) -> None:
    own = [name for name in SOURCES if name.partition(".")[0] == package]
    assert own
    for module in own:
        assert not {name.partition(".")[0] for name in imports(module)} & others


def test_importing_everything_loads_no_third_party_module_but_numpy_and_scipy() -> None:
    code = """
import sys
before = set(sys.modules)
import autodiff, autodiff.testing, nn, optim
files = [getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before]
for file in filter(None, files):
    entry = max((entry for entry in sys.path if entry and file.startswith(entry)), key=len)
    print(file[len(entry) + 1:].replace("\\\\", "/").partition("/")[0].partition(".")[0])
"""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split()) - set(sys.stdlib_module_names)
    loaded = {name for name in loaded if not name.startswith("_sysconfigdata")}
    assert loaded == {"autodiff", "nn", "numpy", "optim", "scipy"}


def test_import_is_refused_where_scipys_functions_do_not_dispatch() -> None:
    environment = {"PYTHONPATH": str(ROOT), "SCIPY_ARRAY_API": "1"}
    run = subprocess.run([sys.executable, "-c", "import autodiff"], env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("ImportError: with the environment variable SCIPY_ARRAY_API set")


def test_import_leaves_out_what_takes_scipy_long() -> None:
    code = "import sys, autodiff, nn, optim; print(*[name for name in sys.modules if name.startswith('scipy.')])"
    run = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    loaded = run.stdout.split()
    assert "scipy.special" in loaded
    assert not {"scipy.signal", "scipy.stats", "scipy.optimize", "scipy.interpolate"} & set(loaded)


def setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def test_every_package_is_shipped_with_its_type_marker() -> None:
    patterns = setup()["options.packages.find"]["include"].split()
    for module, path in SOURCES.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        assert package in SOURCES, f"{path.parent} has no __init__.py"
        assert any(fnmatch.fnmatchcase(package, pattern) for pattern in patterns), f"{package} is not shipped"
    for package in PACKAGES:
        assert setup()["options.package_data"][package] == "py.typed"
        assert (ROOT / package / "py.typed").exists()


def test_extra_for_tests_includes_that_for_examples() -> None:
    extras = setup()["options.extras_require"]
    assert set(extras["examples"].split("\n")) <= set(extras["test"].split("\n"))


@pytest.mark.parametrize("module", SOURCES)
def test_source_files_can_be_read_in_one_sitting(module: str) -> None:
    assert len(SOURCES[module].read_text().splitlines()) < 600
