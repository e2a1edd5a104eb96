"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from eigcore.errors import InvalidInput
from eigcore.writing import check_folder, write_whole


def test_bytes_and_functions_replace_the_file(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, b"one")
    assert path.read_bytes() == b"one"
    write_whole(str(path), lambda temporary: temporary.write_text("two"))
    assert path.read_text() == "two"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("moment", ["write", "fsync", "replace"])
def test_a_failure_at_any_moment_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, moment
):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    if moment != "write":
        monkeypatch.setattr(os, moment, fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, fail if moment == "write" else b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_is_moved_into_place_has_reached_the_disk(tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), sync(fd)))
    write_whole(tmp_path / "a.txt", b"four")
    assert synced == [4]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "there" / "a.txt")
    write_whole(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "there" / "a.txt").read_bytes() == b"new"


def test_files_have_the_usual_permissions(tmp_path):
    write_whole(tmp_path / "a.txt", b"")
    (tmp_path / "b.txt").write_bytes(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "b.txt")}
    assert len(modes) == 1


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"mkdir -p .*nowhere"):
        write_whole(tmp_path / "nowhere" / "a.txt", b"")
    with pytest.raises(InvalidInput, match="is a folder"):
        write_whole(tmp_path, b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="a device or a pipe"):
        check_folder(tmp_path / "pipe")
