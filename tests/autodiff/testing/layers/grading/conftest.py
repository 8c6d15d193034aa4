from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autodiff.testing.layers.grading.card import Grade
from autodiff.testing.layers.grading.grade import grade_folder
from autodiff.testing.layers.making import Request, Shape

SOLUTIONS = Path(__file__).parent / "solutions"

Grading = Callable[..., dict[str, Grade]]


@pytest.fixture(autouse=True)
def _imports_are_forgotten(tmp_path: Path) -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        places = [getattr(module, "__file__", None), *(getattr(spec, "submodule_search_locations", None) or ())]
        if any(str(place).startswith((str(SOLUTIONS), str(tmp_path))) for place in places):
            del sys.modules[name]


@pytest.fixture
def grades() -> Grading:
    """Grades a folder; gives the grades by class, or by file if they are about one."""

    def of(
        folder: Path | str, insist: str | None = None, seconds: float = 60.0, shape: Shape = (4, 3)
    ) -> dict[str, Grade]:
        found, _ = grade_folder(str(SOLUTIONS / folder), Request([shape]), insist, seconds)  # type: ignore[arg-type]
        return {grade.name or grade.file: grade for grade in found}

    return of


@pytest.fixture
def written(grades: Grading, tmp_path: Path) -> Grading:
    """Grades files that are written for it."""

    def of(
        *, insist: str | None = None, seconds: float = 60.0, shape: Shape = (4, 3), **files: str
    ) -> dict[str, Grade]:
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(source)
        return grades(tmp_path, insist, seconds, shape)

    return of


@pytest.fixture
def mutant(written: Grading) -> Callable[[str, str, str, str], str]:
    """The line about a class of a right solution's file, after a change to its source."""

    def of(file: str, name: str, old: str, new: str) -> str:
        source = (SOLUTIONS / file).read_text()
        assert old in source
        return written(layers=source.replace(old, new))[name].line

    return of
