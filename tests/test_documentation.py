"""What is written is true: code, tables and commands of the READMEs, the docstrings' examples, the public names."""

from __future__ import annotations

import inspect
import math
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import autodiff
import autodiff.testing
import nn
import optim

ROOT = Path(__file__).parents[1]
README, COURSEWORK = PAGES = [(ROOT / path).read_text() for path in ("README.md", "examples/coursework/README.md")]
BLOCKS = {page: re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) for page in PAGES}
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
LEFTOVERS = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|breakpoint\(|pdb|(?<![\w.\])}])/(tmp|work|home|root|Users)/"
)


def run(*arguments: str, cwd: Path) -> str:
    """What a Python process prints; its warnings are errors."""
    command = [sys.executable, "-W", "error", *arguments]
    process = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def shown(language: str) -> Iterator[tuple[str, str, str]]:
    """Each block in a language with its page, and the output that follows it (none, if no block of text follows)."""
    for page, blocks in BLOCKS.items():
        for (kind, code), (following, text) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
            if kind == language:
                yield page, code, text if following == "text" else ""


def named(examples: Iterable[tuple[str, str, str]]) -> list:
    """Parameters of a test: called by the first line of code that is no import."""
    return [
        pytest.param(*example, id=next(line for line in example[1].splitlines() if not re.match("import|from|$", line)))
        for example in examples
    ]


def prepare(folder: Path, page: str) -> None:
    """Have the folder as it is to a reader: with the examples, and the files whose names begin blocks of Python."""
    (folder / "examples").symlink_to(ROOT / "examples")
    for language, code in BLOCKS[page]:
        if language == "python" and (name := re.match(r"# ([\w/]+\.py)\n", code)):
            (folder / name[1]).parent.mkdir(exist_ok=True)
            (folder / name[1]).write_text(code)


def comparable(text: str) -> list[str]:
    """The lines of an output without what differs from one machine to another: times, and estimates of rounding."""
    text = re.sub(r"\d+\.\d+ ?s\b", "0.0 s", text)
    return re.sub(r"\+- \S+", "+- 0", text).strip().splitlines()


def table(heading: str) -> list[list[str]]:
    """The rows of the README's table whose first column has this heading; code without its backquotes."""
    rows = README[README.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").replace("`", "").split(" | ")] for row in rows]


@pytest.mark.parametrize("page, code, expected", named(shown("python")))
def test_readme_code_prints_what_the_readme_shows(tmp_path: Path, page: str, code: str, expected: str) -> None:
    prepare(tmp_path, page)
    script = tmp_path / "example.py"
    script.write_text(code)
    printed = run(str(script), cwd=tmp_path).replace(f"{tmp_path}{os.sep}", "")
    assert comparable(printed) == comparable(expected)


@pytest.mark.parametrize("page, command, expected", named(example for example in shown("sh") if example[2]))
def test_readme_command_prints_what_the_readme_shows(tmp_path: Path, page: str, command: str, expected: str) -> None:
    prepare(tmp_path, page)
    python, *arguments = shlex.split(command)
    assert python == "python"
    if "pytest" in arguments:  # as after an installation
        arguments += ["-p", "autodiff.testing.plugin", "-p", "no:cacheprovider"]
    process = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    all_is_right = " 0 wrong, 0 could not be checked" in expected
    assert (process.returncode, process.stderr) == (0 if all_is_right else 1, "")
    assert comparable(process.stdout) == comparable(expected)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.splitlines()[0])
def test_readme_has_no_block_that_is_not_checked(page: str) -> None:
    assert {language for language, _ in BLOCKS[page]} <= {"sh", "python", "text"}
    assert len(BLOCKS[page]) == page.count("\n```") / 2
    for (before, _), (language, _) in pairwise(BLOCKS[page]):
        assert language != "text" or before in ("python", "sh")


def test_readme_commands_are_the_ones_that_ci_runs() -> None:
    commands = [line for _, code, output in shown("sh") if not output for line in code.splitlines()]
    patterns = re.findall(r"grep -m1 '(.*)' README.md", (ROOT / ".ci" / "run").read_text())
    run_by_ci = [next(line for line in README.splitlines() if re.search(pattern, line)) for pattern in patterns]
    assert commands == run_by_ci


def test_first_example_is_twelve_lines_and_ends_in_a_comparison_with_differences() -> None:
    _, code, _ = next(shown("python"))
    lines = [line for line in code.splitlines() if line]
    assert len(lines) == 12
    assert "finite_difference(" in code and lines[-1].startswith("assert")


@pytest.mark.parametrize("expression, point, gradient, _", table("Expression"))
def test_readme_convention_holds(expression: str, point: str, gradient: str, _: str) -> None:
    namespace = {"np": np, "nn": nn, "nan": np.nan}
    function = eval(f"lambda x: np.sum({expression})", namespace)
    with np.errstate(all="ignore"):
        found = autodiff.grad(function)(np.array(eval(point, namespace)))
    np.testing.assert_array_equal(found, np.array(eval(gradient, namespace)), strict=True)


@pytest.mark.parametrize("code, error, _", table("You write"))
def test_readme_error_is_raised(code: str, error: str, _: str) -> None:
    setting = re.search(r"With `(x = .*)` and\n`(y = .*)`:", README)
    namespace = {"math": math, "np": np, "scipy": scipy, "nn": nn, "Tensor": autodiff.Tensor, "grad": autodiff.grad}
    exec(f"{setting[1]}; {setting[2]}", namespace)
    with pytest.raises(Exception) as raised:
        exec(code, namespace)
    assert error in {kind.__name__ for kind in raised.type.__mro__}
    assert len(str(raised.value)) > 40  # says what to do


def test_readme_map_names_what_is_there() -> None:
    paths = re.findall(r"^\| \[`[^`]+`\]\(([^)]+)\)", README, re.MULTILINE)
    assert len(paths) > 5
    for path in paths:
        assert (ROOT / path).exists(), path
    for package in ("autodiff", "nn", "optim", "examples", "tests"):
        assert any(path.startswith(package) for path in paths), package


def test_readme_links_lead_somewhere() -> None:
    for folder, page in ((ROOT, README), (ROOT / "examples" / "coursework", COURSEWORK)):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page):
            assert (folder / target).exists(), target


def test_docstring_examples_print_what_they_show(tmp_path: Path) -> None:
    packages = [str(ROOT / package) for package in ("autodiff", "nn", "optim")]
    options = ("-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--doctest-modules", "--hypothesis-seed=0")
    printed = run("-m", "pytest", *options, *packages, cwd=tmp_path)
    assert int(re.search(r"(\d+) passed", printed)[1]) >= 10


@pytest.mark.parametrize("module", [autodiff, autodiff.testing, nn, nn.functional, optim], ids=lambda m: m.__name__)
def test_public_names_are_documented_and_sorted(module: types.ModuleType) -> None:
    assert module.__doc__
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        value = getattr(module, name)
        documented = value.__dict__.get("__doc__") if isinstance(value, type) else value.__doc__
        assert documented and documented[0].strip(), f"{module.__name__}.{name} has no docstring"


@pytest.mark.parametrize("module", [autodiff, nn, optim], ids=lambda m: m.__name__)
def test_public_classes_have_documented_public_methods(module: types.ModuleType) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type):
            for attribute, method in vars(value).items():
                if inspect.isfunction(method) and not attribute.startswith("_") and attribute != "forward":
                    assert inspect.getdoc(getattr(value, attribute)), (
                        f"{module.__name__}.{name}.{attribute} has no docstring"
                    )


def texts() -> list[Path]:
    """Every file that was written by hand."""
    folders = ("autodiff", "nn", "optim", "examples", "tests", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", "")]
    files += [ROOT / name for name in ("README.md", "setup.cfg", "pyproject.toml", "LICENSE", ".gitignore")]
    return sorted(path for path in files if path.is_file())


def test_nothing_is_left_over() -> None:
    assert len(texts()) > 30
    for path in set(texts()) - {Path(__file__)}:  # which names what it looks for
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not LEFTOVERS.search(line), f"{path}:{number}: {line}"
            assert len(line) <= 120 or path.suffix == ".md", f"{path}:{number}: longer than 120"
