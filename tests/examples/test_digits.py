"""The first model: it learns, it repeats itself, and it says what is wrong with a data file."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from examples import digits

ROOT = Path(__file__).parents[2]
FILES = {
    "train-images-idx3-ubyte": (30, 4, 4),
    "train-labels-idx1-ubyte": (30,),
    "t10k-images-idx3-ubyte": (10, 4, 4),
    "t10k-labels-idx1-ubyte": (10,),
}


def idx(shape: tuple[int, ...], entries: np.ndarray | None = None) -> bytes:
    """The content of an IDX file; by default with digits for entries."""
    if entries is None:
        entries = np.random.default_rng(0).integers(0, 10, shape, dtype=np.uint8)
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape) + entries.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The four files of a very small data set."""
    for name, shape in FILES.items():
        (tmp_path / name).write_bytes(idx(shape))
    return tmp_path


def test_default_run_recognises_97_percent_and_writes_curve_and_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "digits.py")]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    printed = float(re.search(r"test accuracy: ([\d.]+)% of 360 digits", run.stdout)[1])
    assert printed >= 97
    assert re.search(r"epoch 30/30: 100%.*accuracy=9\d\.\d+%, loss=0\.\d+, test=9\d\.\d+%", run.stderr)
    assert (tmp_path / "digits-output" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")

    model = digits.perceptron(64, (256, 128))
    model.load_state_dict(safetensors.numpy.load_file(tmp_path / "digits-output" / "model.safetensors"))
    _, test = digits.bundled_digits(seed=0)
    assert 100 * digits.accuracy(model, test) == pytest.approx(printed, abs=0.005)


def test_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    def outcome(seed: int) -> tuple[list, dict]:
        data = digits.bundled_digits(seed=0)
        model, history = digits.train(*data, epochs=2, batch_size=100, lr=2e-3, hidden=(16,), seed=seed)
        return history, {name: array.tobytes() for name, array in model.state_dict().items()}

    first = outcome(seed=3)
    assert first == outcome(seed=3)
    assert first != outcome(seed=4)


def test_bundled_digits_are_split_in_equal_shares_without_overlap() -> None:
    train, test = digits.bundled_digits(seed=1)
    assert len(train.labels) + len(test.labels) == 1797
    shares = np.bincount(test.labels) / np.bincount(np.concatenate([train.labels, test.labels]))
    assert np.all(np.abs(shares - 0.2) < 0.01)
    assert np.concatenate([train.images, test.images]).max() == 1
    assert np.array_equal(train.images, digits.bundled_digits(seed=1)[0].images)


@pytest.mark.parametrize("dotted", [False, True], ids=["dashes", "dots"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_mnist_files_are_found_under_all_their_names(tmp_path: Path, dotted: bool, zipped: bool) -> None:
    for name, shape in FILES.items():
        name = name.replace("-idx", ".idx") if dotted else name
        if zipped:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx(shape)))
        else:
            (tmp_path / name).write_bytes(idx(shape))
    train, test = digits.mnist(tmp_path)
    assert train.images.shape == (30, 16) and test.images.shape == (10, 16)
    assert train.labels.shape == (30,) and test.labels.shape == (10,)


def test_entries_are_read_in_order(tmp_path: Path) -> None:
    entries = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "file").write_bytes(idx((2, 3, 4), entries))
    assert np.array_equal(digits.read_idx(tmp_path / "file", ndim=3), entries)


def test_pixels_are_scaled_from_0_to_1_and_rows_belong_to_labels(folder: Path) -> None:
    pixels = np.zeros((10, 4, 4), np.uint8)
    pixels[7] = 255
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(pixels.shape, pixels))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx((10,), np.arange(10, dtype=np.uint8)))
    _, test = digits.mnist(folder)
    assert np.array_equal(test.images[test.labels == 7], np.ones((1, 16)))
    assert not test.images[test.labels != 7].any()


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("train-images-idx3-ubyte", Path.unlink, r"no such file; expected .*idx3-ubyte\.gz"),
    "empty": ("train-images-idx3-ubyte", lambda path: path.write_bytes(b""), r"starts with .*expected \[00 00 08 03\]"),
    "foreign": ("train-labels-idx1-ubyte", lambda path: path.write_bytes(b"PK\3\4" * 9), r"\[50 4b 03 04\], expected"),
    "labels in the place of images": (
        "train-images-idx3-ubyte",
        lambda path: path.write_bytes(idx((30,))),
        r"\[00 00 08 01\], expected \[00 00 08 03\]",
    ),
    "truncated in the header": (
        "t10k-images-idx3-ubyte",
        lambda path: path.write_bytes(idx((10, 4, 4))[:9]),
        r"truncated in its header: 9 bytes, expected at least 16",
    ),
    "truncated in the entries": (
        "t10k-images-idx3-ubyte",
        lambda path: path.write_bytes(idx((10, 4, 4))[:-1]),
        r"truncated: 159 bytes of entries, expected 160 for its shape \(10, 4, 4\)",
    ),
    "trailing bytes": (
        "t10k-labels-idx1-ubyte",
        lambda path: path.write_bytes(idx((10,)) + b"!"),
        r"bytes after the last entry: 11 bytes of entries, expected 10",
    ),
    "a shape beyond all memory": (
        "t10k-images-idx3-ubyte",
        lambda path: path.write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"\0"),
        r"truncated: 1 bytes of entries, expected \d{29} for its shape",
    ),
    "truncated gzip": (
        "train-labels-idx1-ubyte",
        lambda path: path.write_bytes(gzip.compress(idx((30,)))[:-9]),
        r"cannot be read, expected an IDX file, gzipped or not",
    ),
    "damaged gzip": (
        "train-labels-idx1-ubyte",
        lambda path: path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 20),
        r"cannot be read, expected an IDX file, gzipped or not",
    ),
    "no images": (
        "train-labels-idx1-ubyte",
        lambda path: [
            path.write_bytes(idx((0,))),
            path.with_name("train-images-idx3-ubyte").write_bytes(idx((0, 4, 4))),
        ],
        r"train-images-idx3-ubyte: expected at least one image, found shape \(0, 4, 4\)",
    ),
    "counts disagree": (
        "train-labels-idx1-ubyte",
        lambda path: path.write_bytes(idx((29,))),
        r"29 labels, expected 30, one per image in .*train-images-idx3-ubyte",
    ),
    "not digits": (
        "train-labels-idx1-ubyte",
        lambda path: path.write_bytes(idx((30,), np.full(30, 26, np.uint8))),
        r"expected digits from 0 to 9, found 26",
    ),
    "images of another size": (
        "t10k-images-idx3-ubyte",
        lambda path: path.write_bytes(idx((10, 5, 5))),
        r"the training images have 16 pixels, the test images 25; expected files of one data set",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_data_exits_with_a_message_that_names_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    name, inflict, message = DAMAGES[damage]
    inflict(folder / name)
    with pytest.raises(SystemExit) as exit:
        digits.main(["--data", str(folder), "--output", str(folder / "output")])
    assert exit.value.code == 2
    complaint = capsys.readouterr().err
    assert re.search(message, complaint), complaint
    assert str(folder) in complaint and (name in complaint or damage in ("no images", "images of another size"))


def test_missing_folder_exits_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        digits.main(["--data", str(tmp_path / "nowhere")])
    assert exit.value.code == 2
    assert re.search(r"nowhere.train-images-idx3-ubyte: no such file", capsys.readouterr().err)


@pytest.mark.parametrize("option", ["--epochs=0", "--batch-size=-1", "--lr=nan", "--hidden=0", "--seed=-1"])
def test_numbers_out_of_range_are_refused(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as exit:
        digits.main([option])
    assert exit.value.code == 2
    assert "expected a number from" in capsys.readouterr().err


def test_trains_on_a_folder_of_idx_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits.main(["--data", str(folder), "--output", str(folder / "new" / "output"), "--epochs", "1", "--hidden"])
    assert "of 10 digits" in capsys.readouterr().out
    state = safetensors.numpy.load_file(folder / "new" / "output" / "model.safetensors")
    assert {name: array.shape for name, array in state.items()} == {"0.weight": (10, 16), "0.bias": (10,)}


def test_interrupted_save_leaves_the_old_checkpoint_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    digits.save(digits.perceptron(4, ()), path)
    before = path.read_bytes()

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(digits.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        digits.save(digits.perceptron(8, ()), path)
    assert path.read_bytes() == before
