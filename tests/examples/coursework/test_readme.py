"""What the README of the coursework says is so: its commands, their figures and plots, and the conventions."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ..test_digits import idx
from .conftest import COURSEWORK, load, on_path

ROOT = COURSEWORK.parents[1]
README = (COURSEWORK / "README.md").read_text()
COMMANDS = re.findall(r"^\| `python (\S+)([^`]*)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
IRIS = 100 / 30  # percent: one of those in the test, which rounding on another processor may tip over


def rows(heading: str) -> list[list[str]]:
    """The rows of the table that begins with a heading, the heading among them."""
    table = README[README.index(heading) :].split("\n\n")[0]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()]


@pytest.fixture
def few_pictures(tmp_path: Path) -> None:
    """Digits of 8x8 pixels, 130 at most, in the files of the data sets that the commands name."""
    images, labels = load_digits().images.astype(np.uint8), load_digits().target.astype(np.uint8)
    for name in ("mnist", "fashion-mnist"):
        folder = tmp_path / "path" / "to" / name
        folder.mkdir(parents=True)
        for part, which in (("train", slice(100)), ("t10k", slice(100, 130))):
            (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images[which].shape, images[which]))
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[which].shape, labels[which]))
    folder = tmp_path / "path" / "to" / "cifar10"
    folder.mkdir(parents=True)
    planes = np.tile(images[:10], (1, 12, 4)).reshape(10, -1)  # three of 32x32, of one digit of each class
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        (folder / name).write_bytes(np.column_stack([labels[:10], planes]).tobytes())


@pytest.mark.parametrize(
    "program, options, figure, plots", COMMANDS, ids=[Path(command[0]).name for command in COMMANDS]
)
@pytest.mark.usefixtures("few_pictures")
def test_command_runs_as_it_stands_comes_to_its_figure_and_leaves_its_plots(
    program: str,
    options: str,
    figure: str,
    plots: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, *options.split()])
    with on_path((ROOT / program).parent):
        runpy.run_path(str(ROOT / program), run_name="__main__")
    printed = capsys.readouterr().out
    names = re.findall(r"`([^`]+\.png)`", plots)
    assert names and all(Path(name).read_bytes().startswith(b"\x89PNG") for name in names)
    if error := re.fullmatch(r"test error ([\d.]+) %", figure):
        found = re.search(r"test.* error ([\d.]+)%", printed)
        assert float(found[1]) == pytest.approx(float(error[1]), abs=1.1 * IRIS)
    elif difference := re.search(r"differ by less than (\S+)$", figure):
        assert max(map(float, re.findall(r"\d\.\de[-+]\d+", printed))) < float(difference[1])
    else:
        assert "--data" in options  # and there are too few digits for the figure


def test_every_program_is_among_the_commands() -> None:
    programs = {path for path in COURSEWORK.rglob("*.py") if '__name__ == "__main__"' in path.read_text()}
    assert {ROOT / command[0] for command in COMMANDS} == programs


def test_results_are_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for *_, plots in COMMANDS:
        for name in re.findall(r"`([^`]+\.png)`", plots):
            assert f"/{name}" in ignored or f"{name.partition('/')[0]}/" in ignored


X = np.random.default_rng(0).normal(size=(4, 3))
DZ = np.random.default_rng(1).normal(size=(4, 2))


def normal(n: int, m: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(n, m))


def zeros(m: int) -> np.ndarray:
    return np.zeros((1, m))


def cmu_2025() -> tuple[dict[str, Any], np.ndarray]:
    (package,) = load("mytorch", path=COURSEWORK / "cmu_2025")
    layer = package.nn.Linear(3, 2)
    layer.forward(X)
    layer.backward(DZ)
    return {"layer": layer}, DZ


def cmu_2021() -> tuple[dict[str, Any], np.ndarray]:
    (linear,) = load("linear", path=COURSEWORK / "cmu_2021" / "mytorch")
    layer = linear.Linear(3, 2, normal, zeros)
    layer.forward(X)
    layer.backward(DZ)
    return {"layer": layer}, DZ


def cmu_2019() -> tuple[dict[str, Any], np.ndarray]:
    (hw1,) = load("hw1", path=COURSEWORK / "cmu_2019" / "hw1")
    mlp = hw1.MLP(3, 2, [], [hw1.Identity()], normal, zeros, hw1.SoftmaxCrossEntropy(), 0.1)
    mlp.forward(X)
    mlp.backward(np.eye(2)[[0, 1, 1, 0]])
    return {"mlp": mlp, "i": 0}, mlp.criterion.derivative()


def berkeley() -> tuple[dict[str, Any], np.ndarray]:
    (layers,) = load("neural_networks.layers", path=COURSEWORK / "berkeley")
    layer = layers.FullyConnected(2, "linear")
    layer.forward(X)
    layer.backward(DZ)
    return {"layer": layer}, DZ


def nyu_2022() -> tuple[dict[str, Any], np.ndarray]:
    torch = pytest.importorskip("torch")
    (module,) = load("mlp", path=COURSEWORK / "nyu_2022")
    mlp = module.MLP(3, 2, "identity", 2, 2, "identity")
    mlp.parameters["W2"] = torch.eye(2)
    mlp.forward(torch.from_numpy(X))
    mlp.backward(torch.from_numpy(DZ))
    return {"mlp": mlp}, DZ


CONVENTIONS = rows("| | CMU 2025 | CMU 2021 |")


@pytest.mark.parametrize("exercise", [cmu_2025, cmu_2021, cmu_2019, berkeley, nyu_2022], ids=lambda make: make.__name__)
def test_linear_layers_follow_the_table_of_conventions(exercise: Any) -> None:
    column = [heading.lower().replace(" ", "_") for heading in CONVENTIONS[0]].index(exercise.__name__)
    said = {row[0]: row[column].partition(";")[0].strip("`*") for row in CONVENTIONS}
    given, dZ = exercise()
    sides = {"in": 3, "out": 2, "1": 1}
    scale = {"summed": 1, "averaged": 1 / len(X)}[said["gradients of W and b, over the batch"]]
    for name, shape, gradient_shape, gradient in (
        ("W", said["weight W"], said["weight W"], X.T @ dZ),
        ("b", said["bias b"], said["shape of b's gradient"], np.sum(dZ, axis=0)),
    ):
        value, found = (
            np.asarray(eval(said[where].replace("W", name), given)) for where in ("where W is", "where its gradient is")
        )
        assert value.shape == tuple(sides[side] for side in re.findall(r"\w+", shape))
        assert found.shape == tuple(sides[side] for side in re.findall(r"\w+", gradient_shape))
        outputs_first = name == "W" and shape.startswith("(out")
        np.testing.assert_allclose(found, scale * np.reshape(gradient.T if outputs_first else gradient, found.shape))
