"""What is in a folder of exercises: its files, imported as they expect to be, and what in them is to be graded."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..loading import describe, load, own_frames
from ..places import is_layer_class
from .card import Findings, Grade
from .formulas import LOSSES, kind_of
from .limits import TimeIsUp, quiet, time_limit
from .updates import looks_like_optimiser

SKIPPED = {"tests", "test", "autograder", "__pycache__", "venv", "build", "experiments", "conftest.py", "setup.py"}
"""Folders and files without exercises."""


@dataclass
class Item:
    """A class or function of a file that is to be graded."""

    name: str
    value: Any
    module: ModuleType
    file: str


@dataclass
class Contents:
    """What was found in a folder: items to grade, files that fail as a whole, and other classes."""

    items: list[Item] = field(default_factory=list)
    failed: list[Grade] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def bases(self) -> set[type]:
        """The classes that others are derived from."""
        return {base for item in self.items if isinstance(item.value, type) for base in item.value.__mro__[1:]}

    def classes(self, *kinds: str, near: str) -> list[type]:
        """The classes whose names tell that they are of one of these kinds, those nearest to a file first."""
        found = [item for kind in kinds for item in self.items if kind_of(item.name) == kind]
        found.sort(key=lambda item: len(_line_up(item.file) & _line_up(near)), reverse=True)
        return [item.value for item in found if isinstance(item.value, type) and is_layer_class(item.value)]


def _line_up(file: str) -> set[Path]:
    """A file and the folders that it is in."""
    return {Path(file), *Path(file).parents}


def explore(folder: Path, seconds: float) -> Contents:
    """Import what defines classes or losses in a folder; a file may take so many seconds."""
    folder = folder.resolve()
    files = [path for path in sorted(folder.rglob("*.py")) if not _is_skipped(path.relative_to(folder))]
    _extend_path(folder, files)
    contents = Contents()
    at_fault: dict[Path, Grade] = {}
    for path in files:
        file = str(path.relative_to(folder))
        findings = Findings()
        try:
            if not _defines_something(path):
                continue
            with time_limit(seconds), quiet():
                module = load(str(path))
        except TimeIsUp:
            findings.unchecked.append(
                f"importing it takes more than {seconds:g} s: is there code outside of functions?"
            )
        except ModuleNotFoundError as error:
            findings.unchecked.append(f"importing it needs the module {error.name}, which is not found")
        except (Exception, SystemExit) as error:  # whatever a file does when it is run
            culprit = _culprit(error, path, folder)
            grade = at_fault.setdefault(culprit, Grade(str(culprit.relative_to(folder)), "", _failure(error, culprit)))
            if culprit == path:
                continue
            findings.unchecked.append(f"it imports {grade.file}, which cannot be imported")
        else:
            if Path(module.__file__ or "").resolve() == path:
                _sort(module, file, contents)
                continue
            findings.unchecked.append(f"another module is called {module.__name__}: {module.__file__}")
        contents.failed.append(Grade(file, "", findings))
    contents.failed += at_fault.values()
    return contents


def _culprit(error: BaseException, path: Path, folder: Path) -> Path:
    """The file in a folder, perhaps imported by the one at ``path``, whose line it was that raised an exception."""
    frames = own_frames(error, str(folder / path.name))
    named = error.filename if isinstance(error, SyntaxError) else frames[-1][0].f_code.co_filename if frames else None
    culprit = Path(named or path).resolve()
    return culprit if folder in culprit.parents else path


def _failure(error: BaseException, path: Path) -> Findings:
    """What an exception while a file is imported says of that file: data may be missing only here."""
    described = describe(error, str(path))
    if isinstance(error, (OSError, EOFError)):
        hint = "code that reads files or asks questions belongs into functions, or below if __name__ == '__main__'"
        return Findings(unchecked=[f"{described}\n{hint}"])
    return Findings(wrong=[(described.splitlines()[0], described)])


def _is_skipped(path: Path) -> bool:
    return path.name.startswith("test_") or any(part in SKIPPED or part.startswith(".") for part in path.parts)


def _extend_path(folder: Path, files: list[Path]) -> None:
    """Let files import each other: from the folder, its parent, and every folder within it, packages last."""
    folders = [folder, folder.parent, *dict.fromkeys(path.parent for path in files)]
    packages = [path for path in folders if (path / "__init__.py").exists()]
    sys.path[:0] = [str(path) for path in dict.fromkeys(folders) if path not in packages]
    sys.path += [str(path) for path in dict.fromkeys(packages)]


def _defines_something(path: Path) -> bool:
    """Whether a file defines a class or a loss; the others, which may be whole programs, are never run."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return any(
        isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and kind_of(node.name) in LOSSES)
        for node in tree.body
    )


def _sort(module: ModuleType, file: str, contents: Contents) -> None:
    for name, value in _own(module):
        if isinstance(value, type):
            if kind_of(name) or is_layer_class(value) or looks_like_optimiser(value):
                contents.items.append(Item(name, value, module, file))
            else:
                contents.others.append(name)
        elif isinstance(value, FunctionType) and kind_of(name) in LOSSES:
            contents.items.append(Item(name, value, module, file))


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) == module.__name__ and getattr(value, "__name__", None) == name:
            yield name, value
