"""Files are replaced as a whole, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.serialization.files import is_entry_name, replacing, shown

OLD, NEW = {"w": np.zeros(3)}, {"w": np.ones(3)}


@pytest.fixture(params=["npz", "safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"a.{request.param}"


def calls(function: Callable, log: list[str], name: str) -> Callable:
    def logged(*args: Any, **kwargs: Any) -> Any:
        log.append(name)
        return function(*args, **kwargs)

    return logged


def interrupted(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


POINTS = ["os.open", "os.chmod", "os.fsync", "os.replace", "json.dumps"]


@pytest.mark.parametrize("point", POINTS)
def test_crash_at_any_point_leaves_the_old_file_and_no_litter(
    point: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nn.save(OLD, path)
    content = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(point, interrupted)
        with pytest.raises(KeyboardInterrupt):
            nn.save(NEW, path)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]
    nn.save(NEW, path)
    np.testing.assert_array_equal(nn.load(path)["w"], NEW["w"])


@pytest.mark.parametrize("point", POINTS)
def test_crash_without_an_old_file_leaves_nothing(point: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point, interrupted)
    with pytest.raises(KeyboardInterrupt):
        nn.save(NEW, path)
    assert os.listdir(path.parent) == []


def crashing_at_line(number: int, state: dict[str, Any], path: Path) -> bool:
    """Save, with an interrupt where so many lines of the library were reached; whether so many are."""
    reached: set[tuple[types.CodeType, int]] = set()  # once each: ``with`` is reached again when it ends

    def trace(frame: types.FrameType, event: str, _: Any) -> Any:
        if "serialization" not in frame.f_code.co_filename or frame.f_code.co_filename == __file__:
            return None
        if event == "line":
            reached.add((frame.f_code, frame.f_lineno))
            if len(reached) > number:
                sys.settrace(before)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        nn.save(state, path)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_crash_at_any_line_leaves_one_whole_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    nn.save(NEW, path)
    new = path.read_bytes()
    nn.save(OLD, path)
    old = path.read_bytes()
    found = []
    while crashing_at_line(len(found), NEW, path):
        found.append(path.read_bytes())
        assert os.listdir(tmp_path) == [path.name]
        path.write_bytes(old)
    assert set(found) == {old, new}
    assert found == sorted(found, key=[old, new].index)  # first the old one, from one point on the new
    assert len(found) > 60


def test_new_file_is_on_the_disk_before_it_gets_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(os, "fsync", calls(os.fsync, log, "sync"))
    monkeypatch.setattr(os, "replace", calls(os.replace, log, "rename"))
    nn.save(NEW, path)
    assert log == ["sync", "rename", "sync"]  # the last is the folder's


@pytest.mark.parametrize("number, raised", [(errno.EINVAL, False), (errno.EIO, True)])
def test_file_systems_that_cannot_sync_folders_are_fine(
    number: int, raised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError) if raised else contextlib.nullcontext():
        nn.save(NEW, tmp_path / "a.npz")
    np.testing.assert_array_equal(nn.load(tmp_path / "a.npz")["w"], NEW["w"])


def test_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with replacing(str(target)) as temporary:
        assert os.path.dirname(temporary) == str(tmp_path)  # renaming between file systems is not one step
        Path(temporary).write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_permissions_are_those_of_the_old_file_or_what_umask_leaves(path: Path) -> None:
    before = os.umask(0o027)
    try:
        nn.save(OLD, path)
        assert mode(path) == 0o640
        path.chmod(0o604)
        nn.save(NEW, path)
        assert mode(path) == 0o604
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_secret_file_is_never_readable_by_others(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.touch(0o600)
    with replacing(str(target)) as temporary:
        assert mode(Path(temporary)) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_file_that_may_not_be_written_is_not_replaced(path: Path) -> None:
    nn.save(OLD, path)
    path.chmod(0o400)
    with pytest.raises(PermissionError):
        nn.save(NEW, path)
    np.testing.assert_array_equal(nn.load(path)["w"], OLD["w"])


def test_link_stays_a_link(path: Path) -> None:
    (path.parent / "runs").mkdir()
    path.symlink_to(path.parent / "runs" / path.name)
    nn.save(NEW, path)
    assert path.is_symlink()
    assert os.listdir(path.parent / "runs") == [path.name]
    np.testing.assert_array_equal(nn.load(path)["w"], NEW["w"])


def test_folder_that_is_missing_or_in_the_way_is_an_os_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        nn.save(NEW, path.parent / "missing" / path.name)
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        nn.save(NEW, path)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("name", ["", "0.weight", "a b", "a..b", "..a", "a/b", "ü", "漢", "C:", "a:b"])
def test_names_of_entries(name: str) -> None:
    assert is_entry_name(name)


@pytest.mark.parametrize(
    "name", ["/etc/x", "..", "../x", "a/../b", "a/..", "C:/x", "a\\b", "a\0", "/", "\udc80", "a\n/.."]
)
def test_paths_are_no_names_of_entries(name: str) -> None:
    assert not is_entry_name(name)


def test_long_lists_and_names_are_shortened_in_errors() -> None:
    assert shown("a", "b") == "'a', 'b'"
    assert shown(*"abcdef") == "'a', 'b', 'c', 'd' and 2 more"
    assert len(shown("x" * 10_000)) < 100
