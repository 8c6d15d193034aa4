"""The training programs do what their docstrings say."""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import nn

from ..test_digits import idx
from .conftest import COURSEWORK, load, on_path

PROGRAMS = ["train_iris", "train_mnist", "train_fashion_mnist", "train_cifar10"]
datasets, runs, iris, mnist, fashion_mnist, cifar10 = load("datasets", "runs", *PROGRAMS, path=COURSEWORK)
IMAGES = load_digits().images[:400]
LABELS = load_digits().target[:400].astype(np.uint8)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs run in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """300 digits to learn from and 100 for the test, in the files of Fashion-MNIST."""
    pixels = np.round(IMAGES * 255 / 16).astype(np.uint8)
    folder = tmp_path / "data"
    folder.mkdir()
    for part, rows in (("train", slice(300)), ("t10k", slice(300, None))):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pixels[rows].shape, pixels[rows]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[rows].shape, LABELS[rows]))
    return folder


@pytest.fixture
def cifar10_folder(tmp_path: Path) -> Path:
    """20 images of noise in each batch; the higher the class, the redder."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        records = rng.integers(0, 40, (20, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(20) % 10
        records[:, 1:1025] += 20 * records[:, :1]
        (folder / name).write_bytes(records.tobytes())
    return folder


def rows(path: str) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def files(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def epoch(validation_loss: float) -> tuple:
    return runs.Epoch(0.0, 0.0, validation_loss, 0.0)


def exits(program: ModuleType, *arguments: str, code: int = 2) -> bool:
    with pytest.raises(SystemExit) as exit:
        program.main(arguments)
    return exit.value.code == code


@pytest.mark.parametrize("name", PROGRAMS)
def test_docstring_says_how_to_run_it(name: str) -> None:
    text = (COURSEWORK / f"{name}.py").read_text()
    assert f"    python examples/coursework/{name}.py " in text
    assert f"    python examples/coursework/{name}.py --data FOLDER" in text


def test_iris_takes_the_best_of_its_grid_and_leaves_its_logs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = "train_iris.py --epochs 40 --lr 0.001 0.1 --hidden 2 8".split()
    monkeypatch.setattr(sys, "argv", arguments)
    with on_path(COURSEWORK):
        runpy.run_path(str(COURSEWORK / "train_iris.py"), run_name="__main__")
    printed = capsys.readouterr()
    assert re.search(r"lr 0\.1, hidden 8: 100%.*validation_error=0\.\d{4}", printed.err)

    grid = rows("experiments/iris/grid.csv")
    assert [(row["lr"], row["hidden"]) for row in grid] == [("0.001", "2"), ("0.1", "2"), ("0.001", "8"), ("0.1", "8")]
    best = min(grid, key=lambda row: float(row["validation_loss"]))
    line = next(line for line in printed.out.splitlines() if line.endswith("best"))
    assert line.split()[:2] == [best["lr"], best["hidden"]]
    history = rows("experiments/iris/history.csv")
    assert len(history) == 40 and history[-1]["validation_loss"] == best["validation_loss"]
    for name in ("curves.png", "grid.png"):
        assert Path("experiments/iris", name).read_bytes().startswith(b"\x89PNG")

    data = datasets.iris(None, seed=0)
    model = iris.two_layers(data.training, int(best["hidden"]), 3)
    model.load_state_dict(nn.load("experiments/iris/parameters.npz"))
    error = runs.evaluate(model, data.test)[1]
    assert f"test error {error:.2%} of 30 irises" in printed.out and error <= 0.15


def test_iris_goes_on_past_rates_at_which_it_diverges(capsys: pytest.CaptureFixture[str]) -> None:
    iris.main("--epochs 3 --lr 1e30 0.1 --hidden 4 8".split())
    assert re.search(r"nan|inf|e\+", capsys.readouterr().out)
    trials = [iris.Trial(1.0, 4, None, [epoch(0.4), epoch(loss)]) for loss in (np.nan, 0.5, 0.3, np.inf)]
    assert iris.best_of(trials) is trials[2]
    assert exits(iris, *"--epochs 3 --lr 1e30 --hidden 4 --name all".split(), code=1)
    printed = capsys.readouterr()
    assert "all of them diverged" in printed.err and "best" not in printed.out
    assert Path("experiments/all/grid.png").exists() and not Path("experiments/all/parameters.npz").exists()


@pytest.mark.parametrize("losses", [[0.0188, 70.874, 3.67e20, np.nan], [np.nan] * 4, [0.0] * 4], ids=str)
def test_the_grid_has_a_readable_number_for_each_combination(
    losses: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, sizes, figures = [1e-5, 0.1, 1.0, 1e5, 1e10, 1e20, 1e25, 1e30], list(range(1, 13)), []
    monkeypatch.setattr(iris, "Figure", lambda **options: figures.append(Figure(**options)) or figures[-1])
    trials = [iris.Trial(lr, hidden, None, [epoch(1.0), epoch(0.0)]) for hidden in sizes for lr in rates]
    for trial, loss in zip(trials, itertools.cycle(losses)):
        trial.history[-1] = epoch(loss)
    iris.plot_grid(tmp_path / "grid.png", trials, rates, sizes)
    axes = figures[0].axes[0]
    assert [text.get_position() for text in axes.texts] == [(i, j) for j in range(12) for i in range(8)]
    assert [float(text.get_text()) for text in axes.texts[:4]] == pytest.approx(losses, rel=5e-3, nan_ok=True)
    assert [float(label.get_text()) for label in axes.get_xticklabels()] == rates
    assert [float(label.get_text()) for label in axes.get_yticklabels()] == sizes
    for labels in (axes.texts, axes.get_xticklabels(), axes.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_perceptrons_are_the_sample_of_the_exercises_and_a_linear_classifier() -> None:
    settings = {"plain": (0.08, 0, 0), "momentum": (0.008, 0.9, 0)}
    settings |= {"batch-norm": (0.008, 0, 3), "momentum-batch-norm": (0.008, 0.9, 3)}
    samples = {f"{y}-{name}": (y, (64, 64, 32), *rest) for y in (2019, 2021) for name, rest in settings.items()}
    assert {"2019-linear": (2019, (), 0.1, 0, 0), **samples} == mnist.VARIANTS
    for variant in mnist.VARIANTS.values():
        weights = mnist.parameters(mnist.perceptron(mnist.exercise(variant.exercise), variant, pixels=784))["W"]
        assert [W.shape for W in weights] == list(itertools.pairwise([784, *variant.hidden, 10]))
        assert [W.std() * np.sqrt(len(W)) for W in weights] == pytest.approx([1.0] * len(weights), abs=0.2)


def test_mnist_trains_the_perceptrons_of_both_exercises_alike(capsys: pytest.CaptureFixture[str]) -> None:
    variants = ["2019-linear", "2019-momentum-batch-norm", "2021-momentum-batch-norm"]
    mnist.main(["--epochs", "10", "--linear-epochs", "2", "--variants", *variants])
    printed = capsys.readouterr().out
    _, *both = table = rows("experiments/mnist/table.csv")
    assert [row["perceptron"] for row in table] == variants and all(name in printed for name in variants)
    for row in both:
        assert float(row["validation_loss"]) < 0.4 and float(row["validation_error"]) < 0.1
        assert float(row["test_error"]) < 0.15
    earlier, later = (rows(f"experiments/mnist/{name}/history.csv") for name in variants[1:])
    for one, other in zip(earlier, later, strict=True):
        assert [float(v) for v in one.values()] == pytest.approx([float(v) for v in other.values()], rel=1e-9)
    assert Path("experiments/mnist/2019-linear/curves.png").read_bytes().startswith(b"\x89PNG")


def test_mnist_resumes_with_what_is_not_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = "--epochs 1 --variants 2021-plain 2021-momentum --name".split()
    mnist.main([*arguments, "whole"])
    train = mnist.train

    def interrupted(variant: tuple, *args: object, **options: object) -> object:
        if variant.momentum:
            raise KeyboardInterrupt
        return train(variant, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(mnist, "train", interrupted)
        assert exits(mnist, *arguments, "cut", code=130)
    finished = files("experiments/cut/2021-plain")
    resumed = []
    monkeypatch.setattr(mnist, "train", lambda variant, *a, **o: resumed.append(variant) or train(variant, *a, **o))
    mnist.main([*arguments, "cut", "--resume"])
    assert resumed == [mnist.VARIANTS["2021-momentum"]]
    assert files("experiments/cut/2021-plain") == finished
    assert rows("experiments/cut/table.csv") == rows("experiments/whole/table.csv")

    finished_parameters = Path("experiments/cut/2021-plain/parameters.npz")
    finished_parameters.write_bytes(finished_parameters.read_bytes()[:-100])
    assert exits(mnist, *arguments, "cut", "--resume")
    assert "2021-plain/parameters.npz" in capsys.readouterr().err


def test_exercises_are_imported_without_a_trace() -> None:
    for year in mnist.FOLDERS:
        path = list(sys.path)
        course = mnist.exercise(year)
        assert {"MLP", "Sigmoid", "Identity", "SoftmaxCrossEntropy", "get_training_stats"} <= set(vars(course))
        assert "hw1" not in sys.modules and sys.path == path


def test_fashion_mnist_reaches_82_percent_on_files_of_its_format(
    idx_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fashion_mnist.main(["--data", str(idx_folder), "--epochs", "8"])
    printed = capsys.readouterr().out
    assert float(re.search(r"validation accuracy ([\d.]+)%", printed)[1]) >= 82
    assert float(re.search(r"test accuracy ([\d.]+)% of 100 examples", printed)[1]) >= 75
    settings = dict(data=str(idx_folder.resolve()), epochs=8, batch_size=64, seed=0, lr=0.002, validation_share=0.1)
    settings |= dict(hidden=[256, 128], dropout=0.2)
    assert json.loads(Path("experiments/fashion_mnist/hyperparameters.json").read_text()) == settings
    history = rows("experiments/fashion_mnist/history.csv")
    assert len(history) == 8 and float(history[-1]["training_loss"]) < float(history[0]["training_loss"]) / 3


def test_cifar10_interrupted_and_resumed_has_the_same_bits_as_in_one_go(
    cifar10_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*"--epochs 3 --width 2 --batch-size 30 --lr 0.05 --data".split(), str(cifar10_folder), "--name"]
    cifar10.main([*arguments, "whole"])
    printed = capsys.readouterr().out
    predictions = rows("experiments/whole/predictions.csv")
    assert [int(row["id"]) for row in predictions] == list(range(20))
    assert all(row["class"] == datasets.CIFAR10_CLASSES[int(row["label"])] for row in predictions)
    right = np.mean([int(row["label"]) == i % 10 for i, row in enumerate(predictions)])
    assert f"test accuracy {right:.2%} of 20 examples" in printed

    evaluate, calls = runs.evaluate, []

    def interrupted(*args: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate(*args)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "evaluate", interrupted)
        assert exits(cifar10, *arguments, "cut", code=130)
    assert "interrupted; --resume goes on with this run" in capsys.readouterr().err
    cifar10.main([*arguments, "cut", "--resume"])
    for name in ("history.csv", "predictions.csv"):
        assert Path("experiments/cut", name).read_bytes() == Path("experiments/whole", name).read_bytes()
    whole, cut = (nn.load(f"experiments/{name}/parameters.npz") for name in ("whole", "cut"))
    assert {k: v.tobytes() for k, v in whole.items()} == {k: v.tobytes() for k, v in cut.items()}


def test_a_damaged_checkpoint_is_named(cifar10_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*"--epochs 1 --width 1 --data".split(), str(cifar10_folder)]
    cifar10.main(arguments)
    checkpoint = Path("experiments/cifar10/checkpoint.npz")
    truncated, saved = checkpoint.read_bytes()[:-100], nn.load(checkpoint)
    checkpoint.write_bytes(truncated)
    assert exits(cifar10, *arguments, "--resume")
    nn.save({**saved, "model": {}}, checkpoint)
    assert exits(cifar10, *arguments, "--resume")
    nn.save({"weights": np.ones(3)}, checkpoint)
    assert exits(cifar10, *arguments, "--resume")
    errors = capsys.readouterr().err
    assert errors.count("checkpoint.npz: there is no going on from this checkpoint: ") == 3


@pytest.mark.parametrize("height, width", [(8, 9), (15, 16), (28, 20)])
def test_the_convolutional_network_takes_pictures_of_any_larger_size(height: int, width: int) -> None:
    pictures = datasets.Examples(np.arange(4 * height * width).reshape(2, 2, height, width) % 7, np.arange(2))
    chosen = argparse.Namespace(width=3, dropout=0.5)
    assert runs.predict(cifar10.convolutional(pictures, chosen), pictures.inputs).shape == (2, 10)


def test_pictures_too_small_for_the_convolutions_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, count in (("train", 40), ("t10k", 20)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx((count, 7, 9), np.zeros((count, 7, 9), np.uint8)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx((count,), np.arange(count, dtype=np.uint8) % 10))
    assert exits(cifar10, "--data", str(tmp_path))
    assert "the images have 7x9 pixels; expected at least 8x8" in capsys.readouterr().err
    assert not Path("experiments").exists()


def test_pictures_are_shifted_by_an_eighth_and_mirrored_only_where_that_keeps_the_class() -> None:
    rng = np.random.default_rng(0)
    picture = np.arange(1, 16 * 24 + 1, dtype=np.uint16).reshape(1, 1, 16, 24)
    every = np.repeat(picture, 700, axis=0)
    padded = np.pad(picture[0, 0], ((2, 2), (3, 3)))
    shifted = {padded[i : i + 16, j : j + 24].tobytes() for i in range(5) for j in range(7)}
    mirrored = {padded[i : i + 16, j : j + 24][:, ::-1].tobytes() for i in range(5) for j in range(7)}
    for mirror, expected in ((False, shifted), (True, shifted | mirrored)):
        examples = datasets.Examples(every, np.zeros(700, int))
        augment = cifar10.augmentation(datasets.Dataset(examples, examples, ("only",), mirrored=mirror))
        assert {image.tobytes() for image in augment(every, rng)[:, 0]} == expected


@pytest.mark.parametrize("program", [iris, mnist, fashion_mnist, cifar10], ids=PROGRAMS)
def test_earlier_results_are_not_overwritten_and_bad_data_is_named(
    program: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiments" / "old").mkdir(parents=True)
    (tmp_path / "experiments" / "old" / "curves.png").write_bytes(b"precious")
    before = files("experiments")
    assert exits(program, "--name", "old")
    assert "old is there already, and is not overwritten" in capsys.readouterr().err
    assert exits(program, "--data", str(tmp_path / "nowhere"))
    assert f"{tmp_path / 'nowhere'}" in capsys.readouterr().err
    assert files("experiments") == before
