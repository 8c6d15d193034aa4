"""What is found in a folder, and how its files are imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff.testing.layers.making import UsageError

from .conftest import Grading
from .test_grade import layer


def test_a_file_that_cannot_be_imported_is_reported_and_the_others_are_graded(written: Grading) -> None:
    found = written(
        right=layer("Double"),
        broken="class Broken:\n    def f(:\n",
        failing="class Failing: ...\n\n\nnp.ones(3)\n",
        needing="import a_module_of_this_name\n\n\nclass Needing: ...\n",
        leaving="class Leaving: ...\n\n\nraise SystemExit(0)\n",
        endless="class Endless: ...\n\n\nwhile True: pass\n",
        seconds=0.5,
    )
    lines = {name: grade.line for name, grade in found.items()}
    assert lines.pop("broken.py").startswith("WRONG: SyntaxError: ")
    assert lines == {
        "Double": "right: 1 gradient; values not compared",
        "failing.py": "WRONG: importing it raised NameError: name 'np' is not defined",
        "needing.py": "could not be checked: importing it needs the module a_module_of_this_name, which is not found",
        "leaving.py": "WRONG: importing it raised SystemExit: 0",
        "endless.py": "could not be checked: importing it takes more than 0.5 s: is there code outside of functions?",
    }


def test_the_file_at_fault_is_wrong_and_those_that_import_it_are_not(written: Grading) -> None:
    found = written(
        base="class Base:\n    pass\n\n\nraise SystemExit(3)\n",
        one="import base\n\n\nclass One(base.Base): ...\n",
        spelling="class Spelling(:\n    pass\n",
        two="from spelling import Spelling\n\n\nclass Two(Spelling): ...\n",
    )
    lines = {name: grade.line for name, grade in found.items()}
    assert lines.pop("spelling.py").startswith("WRONG: SyntaxError: ")
    assert lines == {
        "base.py": "WRONG: importing it raised SystemExit: 3",
        "one.py": "could not be checked: it imports base.py, which cannot be imported",
        "two.py": "could not be checked: it imports spelling.py, which cannot be imported",
    }


def test_a_file_without_classes_that_others_fail_by_is_named(written: Grading, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import sys\n\nsys.exit('no')\n")
    (tmp_path / "package" / "one.py").write_text(layer("Double"))
    assert {name: grade.line for name, grade in written().items()} == {
        "package/__init__.py": "WRONG: importing it raised SystemExit: no",
        "package/one.py": "could not be checked: it imports package/__init__.py, which cannot be imported",
    }


@pytest.mark.parametrize("program", ["open('no such file')", "input('Ready? ')"])
def test_a_program_that_misses_its_data_or_its_user_is_not_called_wrong(written: Grading, program: str) -> None:
    grade = written(mine=f"class Mine: ...\n\n\n{program}\n")["mine.py"]
    assert grade.line.startswith("could not be checked: importing it raised ")
    assert grade.line.endswith("belongs into functions, or below if __name__ == '__main__'")


def test_programs_and_tests_are_not_run(written: Grading, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "layers.py").write_text("class Layer: ...\n\n\nraise RuntimeError\n")
    program = "def train():\n    pass\n\n\nraise RuntimeError\n"
    assert list(written(layers=layer("Double"), train=program, test_layers=f"class Test: ...\n\n\n{program}")) == [
        "Double"
    ]


def test_files_import_each_other_by_package_and_by_folder(written: Grading, tmp_path: Path) -> None:
    (tmp_path / "mine" / "nn").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(layer("Triple", forward="return 3 * x", backward="return 3 * dy"))
    (tmp_path / "mine" / "nn" / "__init__.py").write_text("from .double import Double\n")
    (tmp_path / "mine" / "nn" / "double.py").write_text(layer("Double"))
    (tmp_path / "other" / "base.py").write_text("import nn\n\n\nclass Base(nn.Linear): ...\n")
    (tmp_path / "model.py").write_text(
        "from base import Base\nfrom mine.nn import Double\n\n\nclass Model(Double):\n    base = Base\n"
    )
    found = written()
    assert [(grade.file, grade.name) for grade in found.values()] == [
        ("mine/__init__.py", "Triple"),
        ("mine/nn/double.py", "Double"),
        ("model.py", "Model"),
    ]
    assert {grade.line for grade in found.values()} == {"right: 1 gradient; values not compared"}


def test_a_folder_without_layers_is_refused(written: Grading) -> None:
    with pytest.raises(UsageError, match="has no class that looks like a layer, loss, optimiser or model"):
        written(data="class Dataset:\n    pass\n")


def test_another_module_of_the_same_name_is_not_graded_instead(written: Grading, tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text(layer("Double"))
    (grade,) = written().values()
    assert grade.file == "json/__init__.py"
    assert grade.line.startswith("could not be checked: another module is called json: ")
