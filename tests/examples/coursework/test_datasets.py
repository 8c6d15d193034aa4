"""Data files are read as their formats say, and what is wrong with one is said with its name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ..test_digits import idx
from .conftest import COURSEWORK, load

(datasets,) = load("datasets", path=COURSEWORK)

IDX_FILES = {
    "train-images-idx3-ubyte": (30, 4, 6),
    "train-labels-idx1-ubyte": (30,),
    "t10k-images-idx3-ubyte": (10, 4, 6),
    "t10k-labels-idx1-ubyte": (10,),
}
BATCHES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
RECORD = 1 + 3 * 32 * 32


def cifar10_batch(count: int = 2, seed: int = 0) -> np.ndarray:
    """The records of a binary batch of CIFAR-10."""
    records = np.random.default_rng(seed).integers(0, 256, (count, RECORD), dtype=np.uint8)
    records[:, 0] %= 10
    return records


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """The four files of a very small data set in MNIST's format, with images that are not square."""
    for name, shape in IDX_FILES.items():
        (tmp_path / name).write_bytes(idx(shape))
    return tmp_path


@pytest.fixture
def cifar10_folder(tmp_path: Path) -> Path:
    """The six batches of a very small CIFAR-10, with two images in each."""
    for seed, name in enumerate(BATCHES):
        (tmp_path / name).write_bytes(cifar10_batch(seed=seed).tobytes())
    return tmp_path


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_idx_files_give_images_as_bytes_with_one_channel_in_order(idx_folder: Path, zipped: bool) -> None:
    if zipped:
        for path in list(idx_folder.iterdir()):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    data = datasets.images(idx_folder, seed=0)
    for examples, count in ((data.training, 30), (data.test, 10)):
        assert examples.inputs.shape == (count, 1, 4, 6) and examples.inputs.dtype == np.uint8
        assert examples.inputs.tobytes() == idx((count, 4, 6))[16:]
        assert examples.labels.tolist() == list(idx((count,))[8:]) and examples.labels.dtype == np.int64
    assert not data.mirrored


def test_cifar10_gives_red_green_and_blue_planes_in_order_of_the_batches(cifar10_folder: Path) -> None:
    data = datasets.images(cifar10_folder, seed=0)
    records = np.concatenate([cifar10_batch(seed=seed) for seed in range(5)])
    assert data.training.inputs.shape == (10, 3, 32, 32) and data.test.inputs.shape == (2, 3, 32, 32)
    assert np.array_equal(data.training.labels, records[:, 0]) and data.training.labels.dtype == np.int64
    assert np.array_equal(data.training.inputs[:, 2, 1, 5], records[:, 1 + 2 * 1024 + 1 * 32 + 5])
    assert np.array_equal(data.test.inputs.reshape(2, -1), cifar10_batch(seed=5)[:, 1:])
    assert data.mirrored
    assert " ".join(data.classes) == "airplane automobile bird cat deer dog frog horse ship truck"


IDX_DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "wrong magic": ("train-images-idx3-ubyte", lambda data: b"PK\3\4" + data[4:], r"\[50 4b 03 04\], expected \[00 00"),
    "signed bytes": ("train-images-idx3-ubyte", lambda data: b"\0\0\t\3" + data[4:], r"\[00 00 09 03\], expected \[00"),
    "truncated header": ("t10k-images-idx3-ubyte", lambda data: data[:9], r"truncated in its header: 9 bytes"),
    "truncated": ("t10k-images-idx3-ubyte", lambda data: data[:-1], r"truncated: 239 bytes of entries, expected 240"),
    "too long": ("t10k-labels-idx1-ubyte", lambda data: data + b"!", r"after the last entry: 11 bytes .* expected 10"),
    "wrong count": (
        "train-labels-idx1-ubyte",
        lambda _: idx((29,)),
        r"29 labels, expected 30, one per image in .*idx3",
    ),
    "no images": ("t10k-images-idx3-ubyte", lambda _: idx((10, 0, 6)), r"at least one image, found shape \(10, 0, 6\)"),
    "label out of range": (
        "t10k-labels-idx1-ubyte",
        lambda data: data[:-2] + bytes([10, 0]),
        r"expected classes from 0 to 9, found 10 at image 8",
    ),
    "gzip cut short": (
        "train-labels-idx1-ubyte",
        lambda data: gzip.compress(data)[:-9],
        r"cannot be read, expected an",
    ),
    "gzip with a wrong checksum": (
        "train-labels-idx1-ubyte",
        lambda data: gzip.compress(data)[:-8] + bytes(8),
        r"cannot be read, expected an IDX file, gzipped or not",
    ),
    "gzip with rubbish in it": (
        "train-labels-idx1-ubyte",
        lambda _: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\xff" * 20,
        r"cannot be read, expected an IDX file, gzipped or not",
    ),
}


@pytest.mark.parametrize("damage", IDX_DAMAGES)
def test_a_damaged_idx_file_is_named_with_what_is_wrong(idx_folder: Path, damage: str) -> None:
    name, inflict, message = IDX_DAMAGES[damage]
    path = idx_folder / name
    path.write_bytes(inflict(path.read_bytes()))
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.images(idx_folder, seed=0)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", IDX_FILES)
def test_a_missing_idx_file_is_named(idx_folder: Path, name: str) -> None:
    (idx_folder / name).unlink()
    with pytest.raises(datasets.DataError, match=rf"{name}: no such file; expected"):
        datasets.images(idx_folder, seed=0)


def test_training_and_test_images_of_two_sizes_are_refused(idx_folder: Path) -> None:
    (idx_folder / "t10k-images-idx3-ubyte").write_bytes(idx((10, 6, 4)))
    with pytest.raises(datasets.DataError, match=r"shape \(4, 6\), the test images \(6, 4\); expected files of one"):
        datasets.images(idx_folder, seed=0)


CIFAR10_DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "truncated": ("data_batch_3.bin", lambda data: data[:-1], r"6145 bytes, expected 3073 for each image.*truncated"),
    "truncated between images": ("test_batch.bin", lambda data: data[:3073], r"1 images, but 2 in data_batch_1\.bin"),
    "empty": ("data_batch_1.bin", lambda _: b"", r"0 bytes, expected 3073 for each image of at least one"),
    "another format": (
        "data_batch_2.bin",
        lambda data: b"\x80\x04" + data,
        r"6148 bytes, expected 3073 for each image",
    ),
    "label out of range": (
        "data_batch_5.bin",
        lambda data: data[:RECORD] + b"\x0a" + data[RECORD + 1 :],
        r"expected classes from 0 to 9, found 10 at image 1",
    ),
}


@pytest.mark.parametrize("damage", CIFAR10_DAMAGES)
def test_a_damaged_batch_of_cifar10_is_named_with_what_is_wrong(cifar10_folder: Path, damage: str) -> None:
    name, inflict, message = CIFAR10_DAMAGES[damage]
    path = cifar10_folder / name
    path.write_bytes(inflict(path.read_bytes()))
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.images(cifar10_folder, seed=0)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", BATCHES)
def test_a_missing_batch_of_cifar10_is_named(cifar10_folder: Path, name: str) -> None:
    (cifar10_folder / name).unlink()
    with pytest.raises(datasets.DataError, match=rf"{name}: no such file; expected data_batch_1\.bin"):
        datasets.images(cifar10_folder, seed=0)
    (cifar10_folder / name).mkdir()
    with pytest.raises(datasets.DataError, match=rf"{name}: cannot be read, expected a binary batch"):
        datasets.images(cifar10_folder, seed=0)


def test_a_folder_without_any_of_the_files_is_named_with_what_is_expected(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(datasets.DataError, match=r"no data .* Fashion-MNIST .* CIFAR-10's six") as caught:
            datasets.images(folder, seed=0)
        assert str(folder) in str(caught.value)


def test_bundled_digits_are_bytes_up_to_255_a_fifth_of_them_for_the_test_by_the_seed() -> None:
    data, again, other = (datasets.images(None, seed) for seed in (0, 0, 1))
    assert len(data.training) + len(data.test) == 1797 and abs(len(data.test) - 1797 / 5) < 5
    assert data.training.inputs.shape[1:] == (1, 8, 8) and data.training.inputs.dtype == np.uint8
    assert np.array_equal(np.unique(data.training.inputs), np.round(np.arange(17) * 255 / 16))
    assert np.array_equal(data.test.inputs, again.test.inputs)
    assert not np.array_equal(data.test.labels, other.test.labels)


LINES = [
    f"{row[0]},{row[1]},{row[2]},{row[3]},{datasets.SPECIES[label]}"
    for row, label in zip(*datasets.load_iris(return_X_y=True))
]


def test_the_published_file_of_irises_is_read_as_the_bundled_ones_are(tmp_path: Path) -> None:
    (tmp_path / "iris.data").write_text(" \n".join(LINES) + "\n  \n\n")
    ours, bundled = datasets.iris(tmp_path, seed=1), datasets.iris(None, seed=1)
    for read, expected in ((ours.training, bundled.training), (ours.test, bundled.test)):
        assert np.array_equal(read.inputs, expected.inputs) and np.array_equal(read.labels, expected.labels)
    assert len(ours.training) == 120 and np.bincount(ours.test.labels).tolist() == [10, 10, 10]


@pytest.mark.parametrize(
    "content, message",
    [
        ("\n".join([*LINES[:7], "5.1,3.5,1.4,Iris-setosa"]), r"line 8 is '5\.1,3\.5,1\.4,Iris-setosa'; expected four"),
        ("5.1,3.5,1.4,x,Iris-setosa", r"line 1 is .*expected four numbers and one of Iris-setosa, Iris-versicolor"),
        ("5.1,3.5,1.4,nan,Iris-setosa", r"line 1 is .*expected four numbers"),
        ("5.1,3.5,1.4,0.2,Iris-sibirica", r"line 1 is .*Iris-sibirica'; expected four numbers and one of Iris-setosa"),
        ("\n".join(LINES[:70]), r"2 species in 70 lines, expected all of"),
        ("", r"0 species in 0 lines"),
        ("5.1,3.5,1.4,0.2,Iris-s\u00e9tosa", r"cannot be read, expected lines such as 5\.1"),
        (None, r"cannot be read, expected lines such as 5\.1"),
    ],
)
def test_a_damaged_file_of_irises_is_named_with_its_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "iris.data").write_text(content, encoding="utf-8")
    with pytest.raises(datasets.DataError, match=message) as caught:
        datasets.iris(tmp_path, seed=0)
    assert str(tmp_path / "iris.data") in str(caught.value)


def test_a_split_takes_a_share_of_each_class_and_depends_on_the_seed_alone() -> None:
    examples = datasets.Examples(np.arange(100), np.repeat([0, 1, 2], [10, 30, 60]))
    rest, part = examples.split(0.2, np.random.default_rng(0))
    assert sorted([*rest.inputs, *part.inputs]) == list(range(100))
    assert np.bincount(part.labels).tolist() == [2, 6, 12]
    assert np.array_equal(examples.labels[part.inputs], part.labels)
    again, other = (examples.split(0.2, np.random.default_rng(seed))[1].inputs for seed in (0, 1))
    assert np.array_equal(part.inputs, again) and not np.array_equal(part.inputs, other)


@pytest.mark.parametrize(("share", "counts"), [(0.0, [1, 1]), (1.0, [1, 2])])
def test_a_split_leaves_no_class_out_and_takes_no_more_than_it_must(share: float, counts: list[int]) -> None:
    examples = datasets.Examples(np.arange(5), np.array([0, 0, 1, 1, 1]))
    _, part = examples.split(share, np.random.default_rng(0))
    assert np.bincount(part.labels).tolist() == counts


def test_a_class_with_one_example_cannot_be_split() -> None:
    examples = datasets.Examples(np.arange(3), np.array([0, 0, 4]))
    with pytest.raises(datasets.DataError, match="a single example of class 4; expected at least two"):
        examples.split(0.5, np.random.default_rng(0))
