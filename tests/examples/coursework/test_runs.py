"""Training that goes on after an interruption as if there had been none, runs that are kept apart, tables and plots."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from tqdm import tqdm

import nn
import optim

from .conftest import COURSEWORK, load

datasets, runs = load("datasets", "runs", path=COURSEWORK)

RNG = np.random.default_rng(0)
EXAMPLES = datasets.Examples(RNG.integers(0, 256, (30, 1, 2, 3), dtype=np.uint8), np.arange(30) % 3)
TRAINING, VALIDATION = EXAMPLES.split(0.2, np.random.default_rng(0))
HISTORY = [runs.Epoch(1.0, 0.5, 1.2, 0.75), runs.Epoch(0.5, 0.25, 0.9, 0.5)]


def network() -> nn.Sequential:
    """A model with everything that has a state: parameters, running averages, and dropout's random numbers."""
    nn.manual_seed(0)
    return nn.Sequential(
        runs.Standardize(TRAINING.inputs),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.BatchNorm1d(5),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(5, 3),
    )


OPTIMIZERS = {
    "Adam": lambda model: optim.Adam(model.parameters(), lr=0.01),
    "SGD": lambda model: optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
}


def trained(optimizer_of: Any, checkpoint: Path | None, interrupt_at: int | None = None) -> tuple[dict, dict, list]:
    """The bits of model and optimiser after five epochs of six batches, and the history."""
    calls = 0

    def augment(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == interrupt_at:
            raise KeyboardInterrupt
        return inputs + rng.integers(0, 3, inputs.shape)

    model = network()
    optimizer = optimizer_of(model)
    settings = dict(epochs=5, batch_size=4, seed=0, augment=augment, checkpoint=checkpoint)
    history = runs.fit(model, optimizer, TRAINING, VALIDATION, **settings)
    state = {f"{name}.{key}": np.asarray(v).tobytes() for name, s in optimizer.state.items() for key, v in s.items()}
    return {name: array.tobytes() for name, array in model.state_dict().items()}, state, history


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("interrupt_at", [3, 7, 26], ids="in the {} epoch".format)
def test_interrupted_training_resumes_to_the_same_bits(tmp_path: Path, optimizer: str, interrupt_at: int) -> None:
    whole = trained(OPTIMIZERS[optimizer], None)
    with pytest.raises(KeyboardInterrupt):
        trained(OPTIMIZERS[optimizer], tmp_path / "checkpoint.npz", interrupt_at)
    nn.manual_seed(99)
    assert trained(OPTIMIZERS[optimizer], tmp_path / "checkpoint.npz") == whole
    assert trained(OPTIMIZERS[optimizer], tmp_path / "checkpoint.npz", interrupt_at=1) == whole  # there is nothing left


def test_training_without_a_part_of_the_state_would_have_other_bits(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    whole = trained(OPTIMIZERS["Adam"], None)
    with pytest.raises(KeyboardInterrupt):
        trained(OPTIMIZERS["Adam"], path, interrupt_at=13)
    saved = nn.load(path)
    other = np.random.default_rng(5).bit_generator.state
    empty = {**saved["optimizer"], "state": {}}
    for part, value in {"layers_rng": other, "batches_rng": other, "optimizer": empty}.items():
        nn.save({**saved, part: value}, path)
        assert trained(OPTIMIZERS["Adam"], path)[0] != whole[0], part


def test_a_history_has_losses_of_the_batches_and_of_the_validation_examples() -> None:
    nn.manual_seed(1)
    model = nn.Sequential(runs.Standardize(TRAINING.inputs), nn.Flatten(), nn.Linear(6, 3))
    before = runs.evaluate(model, TRAINING)
    frozen = optim.SGD(model.parameters(), lr=0.0)
    (epoch,) = runs.fit(model, frozen, TRAINING, VALIDATION, epochs=1, batch_size=7, seed=0)
    assert epoch[:2] == pytest.approx(before) and epoch[2:] == runs.evaluate(model, VALIDATION)
    for examples, error in ((TRAINING, epoch.training_error), (VALIDATION, epoch.validation_error)):
        answers = np.argmax(runs.predict(model, examples.inputs), axis=1)
        assert error == pytest.approx(np.mean(answers != examples.labels)) != 0.5  # as the share of right answers


def test_the_rate_falls_linearly_to_0() -> None:
    rates = []

    class Recorded(optim.SGD):
        def step(self) -> None:
            rates.append(self.param_groups[0]["lr"])
            super().step()

    model = network()
    runs.fit(model, Recorded(model.parameters(), lr=0.5), TRAINING, VALIDATION, epochs=2, batch_size=8, seed=0)
    assert rates == pytest.approx(0.5 * (1 - np.arange(6) / 6))


def test_a_bar_is_told_each_batch_and_the_figures_of_each_epoch() -> None:
    class Bar:
        def __init__(self) -> None:
            self.batches = 0
            self.told: list[dict[str, str]] = []

        def update(self) -> None:
            self.batches += 1

        def set_postfix(self, figures: dict[str, str]) -> None:
            self.told.append(figures)

    model, bar = network(), Bar()
    frozen = optim.SGD(model.parameters(), lr=0.0)
    history = runs.fit(model, frozen, TRAINING, VALIDATION, epochs=3, batch_size=10, seed=0, progress=bar)
    assert bar.batches == 9
    assert [list(map(float, figures.values())) for figures in bar.told] == [
        pytest.approx(tuple(epoch), abs=1e-4) for epoch in history
    ]


def test_the_bar_of_a_resumed_training_starts_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, bars = tmp_path / "checkpoint.npz", []
    with pytest.raises(KeyboardInterrupt):
        trained(OPTIMIZERS["SGD"], path, interrupt_at=13)  # in the third epoch of six batches
    monkeypatch.setattr(runs, "tqdm", lambda **options: bars.append(tqdm(**options)) or bars[-1])
    trained(OPTIMIZERS["SGD"], path)
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(12, 30, 30)]


def test_an_epoch_sees_each_example_once_in_another_order() -> None:
    rng = np.random.default_rng(0)
    labelled = datasets.Examples(np.arange(10), np.arange(10))
    first, second = (np.concatenate([b.inputs for b in runs.shuffled(labelled, 4, rng)]).tolist() for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10)) and first != second


def test_standardised_bytes_have_mean_0_and_deviation_1_in_each_channel() -> None:
    inputs = (
        np.random.default_rng(0).integers(0, 100, (50, 3, 4, 4), dtype=np.uint8)
        + np.array([0, 50, 99], np.uint8)[:, None, None]
    )
    inputs[:, 2] = 7  # a constant channel
    out = runs.Standardize(inputs)(inputs)
    assert out.dtype == runs.Standardize(inputs)(inputs.astype(float)).dtype == np.float32
    assert out.mean((0, 2, 3)) == pytest.approx(0, abs=1e-4)
    assert out.std((0, 2, 3)) == pytest.approx([1, 1, 0], abs=1e-4)
    assert np.all(np.diff(out[np.argsort(inputs[:, 0, 0, 0]), 0, 0, 0]) >= 0)


def test_predictions_are_those_of_evaluation_whatever_the_size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    whole = runs.predict(model, EXAMPLES.inputs)
    assert np.array_equal(whole, runs.predict(model, EXAMPLES.inputs)) and not model.training
    monkeypatch.setattr(runs, "EVALUATED_AT_ONCE", 7)
    assert runs.predict(model, EXAMPLES.inputs) == pytest.approx(whole, abs=1e-6)


def test_help_shows_defaults_that_say_something() -> None:
    parser = runs.options("A program.", name="mine", epochs=3, batch_size=4, data="a folder")
    parser.add_argument("--variants", default=[1, 2], help="which (default: both)")
    text = " ".join(parser.format_help().split())
    assert "of everything random (default: 0)" in text and "(default: 3)" in text
    assert "--data FOLDER a folder --epochs" in text and "where it was interrupted --variants" in text
    assert text.endswith("which (default: both)")


def options(tmp_path: Path, *arguments: str) -> argparse.Namespace:
    parser = runs.options("A program.", name="mine", epochs=3, batch_size=4, data="a folder")
    return parser.parse_args(["--experiments", str(tmp_path), *arguments])


@pytest.mark.parametrize(
    "option, least, most", [("--epochs", 1, None), ("--batch-size", 1, None), ("--seed", 0, 2**32 - 1)]
)
def test_numbers_have_bounds(option: str, least: int, most: int | None, tmp_path: Path) -> None:
    name = option.strip("-").replace("-", "_")
    for value in (least, 10**6 if most is None else most):
        assert getattr(options(tmp_path, option, str(value)), name) == value
    for value in (least - 1, *([] if most is None else [most + 1])):
        with pytest.raises(SystemExit):
            options(tmp_path, option, str(value))


def test_options_cannot_be_abbreviated(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        options(tmp_path, "--epoch", "4")


def test_a_run_has_a_folder_with_its_hyperparameters(tmp_path: Path) -> None:
    for data, kept in ([], None), (["--data", "here"], str(Path("here").resolve())):
        folder = runs.start(options(tmp_path / "new" / str(kept is None), "--seed", "7", *data))
        assert folder == tmp_path / "new" / str(kept is None) / "mine"
        expected = dict(data=kept, epochs=3, batch_size=4, seed=7)
        assert json.loads((folder / runs.HYPERPARAMETERS).read_text()) == expected


def test_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    folder = runs.start(options(tmp_path))
    before = (folder / runs.HYPERPARAMETERS).read_bytes()
    with pytest.raises(datasets.DataError, match="mine is there already, and is not overwritten.*--name.*--resume"):
        runs.start(options(tmp_path, "--epochs", "4"))
    assert (folder / runs.HYPERPARAMETERS).read_bytes() == before
    assert runs.start(options(tmp_path, "--epochs", "4", "--name", "other")) == tmp_path / "other"


def test_only_the_same_run_is_resumed(tmp_path: Path) -> None:
    with pytest.raises(datasets.DataError, match=r"mine.hyperparameters\.json: cannot be read, so there is no run to"):
        runs.start(options(tmp_path, "--resume"))
    folder = runs.start(options(tmp_path))
    assert runs.start(options(tmp_path, "--resume")) == folder
    with pytest.raises(datasets.DataError, match=r"the run to resume had epochs 3, not 4; seed 0, not 1"):
        runs.start(options(tmp_path, "--resume", "--epochs", "4", "--seed", "1"))


def test_a_table_has_aligned_columns() -> None:
    assert runs.table(["name", "loss"], [("a", 0.5), ("longer", 10.25), (3, 12345.0)]).splitlines() == [
        "  name      loss",
        "------  --------",
        "     a    0.5000",
        "longer   10.2500",
        "     3  1.23e+04",
    ]


def test_a_log_is_a_table_of_the_epochs_and_a_picture_of_four_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = []
    monkeypatch.setattr(runs, "Figure", lambda **options: figures.append(Figure(**options)) or figures[-1])
    runs.log(tmp_path, HISTORY, "A run")
    assert (tmp_path / runs.HISTORY).read_bytes().split(b"\n") == [
        b"epoch,training_loss,training_error,validation_loss,validation_error",
        b"1,1.0,0.5,1.2,0.75",
        b"2,0.5,0.25,0.9,0.5",
        b"",
    ]
    assert (tmp_path / runs.CURVES).read_bytes().startswith(b"\x89PNG")
    curves = [line.get_ydata().tolist() for axes in figures[0].axes for line in axes.lines]
    assert curves == [[1.0, 0.5], [1.2, 0.9], [0.5, 0.25], [0.75, 0.5]]
    assert figures[0].get_suptitle() == "A run"
    assert [axes.get_ylabel() for axes in figures[0].axes] == ["cross-entropy", "share of wrong answers"]
    for axes in figures[0].axes:
        assert axes.get_xlabel() == "epoch"
        assert axes.get_legend() and axes.get_ylim()[0] == 0
        assert [tick for tick in axes.get_xticks() if 1 <= tick <= 2] == [1, 2]
