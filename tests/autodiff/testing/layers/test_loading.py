"""Importing somebody's files, and telling what they raise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from autodiff.testing.layers.loading import describe, load, own_frames
from autodiff.testing.layers.making import UsageError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes a file in a folder that is forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)

    def of(name: str, *lines: str) -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("\n".join([*lines, ""]))
        return tmp_path / name

    yield of
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_file_is_imported_once_and_finds_its_neighbours(write: Write) -> None:
    write("neighbour_of_mine.py", "x = 3")
    file = write("file_of_mine.py", "import neighbour_of_mine as neighbour")
    module = load(str(file))
    assert module.__name__ == "file_of_mine" and module.neighbour.x == 3
    assert sys.path[0] == str(file.parent)
    assert load(str(file)) is module is sys.modules["file_of_mine"]


def test_a_file_goes_by_another_name_if_its_own_is_taken(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ModuleType("file_of_mine")
    monkeypatch.setitem(sys.modules, "file_of_mine", other)
    module = load(str(write("file_of_mine.py", "x = 3")))
    assert (module.__name__, module.x) == ("checked_file_of_mine", 3)
    assert sys.modules["file_of_mine"] is other


def test_a_file_of_a_package_is_imported_with_all_of_its_packages(write: Write) -> None:
    file = write("package_of_mine/inner/file.py", "from ..base import x")
    write("package_of_mine/base.py", "x = 3")
    init = write("package_of_mine/inner/__init__.py")
    write("package_of_mine/__init__.py")
    assert load(str(file)).__name__ == "package_of_mine.inner.file"
    assert load(str(file)).x == 3
    assert load(str(init)).__name__ == "package_of_mine.inner"


def test_a_file_that_fails_is_not_left_half_imported(write: Write) -> None:
    file = write("file_of_mine.py", "x = 3", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load(str(file))
    assert "file_of_mine" not in sys.modules


def test_a_module_that_is_not_there_is_told_from_one_that_needs_another(write: Write) -> None:
    assert load("json.decoder").__name__ == "json.decoder"
    sys.path.insert(0, str(write("needs_another.py", "import nothing_of_this_name").parent))
    with pytest.raises(ModuleNotFoundError, match="No module named 'nothing_of_this_name'"):
        load("needs_another")
    for name in ("nothing_of_this_name", "json.nothing", "nothing_of_this_name.inner"):
        with pytest.raises(UsageError, match=f"there is no file or module '{name}'; write file.py:Class"):
            load(name)
    with pytest.raises(UsageError, match=r"there is no file '.*none\.py'"):
        load(str(write("some.py").with_name("none.py")))
    with pytest.raises(UsageError, match="is not a Python file"):
        load(str(write("notes.txt", "x = 3")))


def test_an_exception_is_told_by_the_call_and_by_the_own_line_that_it_came_from(write: Write) -> None:
    file = write(
        "file_of_mine.py",
        "import numpy as np",
        "class Layer:",
        "    def forward(self, x, scale, name):",
        "        rows = len(x)",
        "        return self.helper(x)",
        "    def helper(self, x):",
        "        return np.linalg.inv(x)",
    )
    with pytest.raises(np.linalg.LinAlgError) as caught:
        load(str(file)).Layer().forward(np.zeros((2, 2)), 0.5, "long " * 20)
    error = caught.value
    name = "'long long long long long long [...]"
    assert describe(error, str(file)) == (
        f"Layer.forward(x (2, 2), scale 0.5, name {name}) raised LinAlgError: Singular matrix\n"
        "  file_of_mine.py, line 7: return np.linalg.inv(x)"
    )
    assert [line for _, line in own_frames(error, str(file))] == [5, 7]
    assert (
        describe(error, None)
        == describe(error, str(file.parent / "elsewhere" / "file.py"))
        == ("LinAlgError: Singular matrix")
    )


def test_an_exception_without_words_is_told_by_its_name() -> None:
    assert describe(KeyError(), None) == "KeyError"


def test_a_file_that_is_no_python_is_told_by_the_line_at_fault(write: Write) -> None:
    file = write("file_of_mine.py", "x = 3", "  def f(:")
    with pytest.raises(SyntaxError) as caught:
        load(str(file))
    assert describe(caught.value, str(file)) == f"{caught.typename}: {caught.value}\n  {file}, line 2: def f(:"
