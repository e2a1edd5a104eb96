"""Files are written whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys

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


def test_the_mode_of_the_old_file_is_kept_also_behind_a_link(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    path.chmod(0o640)
    (tmp_path / "link.txt").symlink_to(path)
    for place in (path, tmp_path / "link.txt"):
        write_whole(place, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
def test_the_owner_of_the_old_file_is_kept_where_that_is_allowed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    os.chown(path, 1, 2)
    write_whole(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 2)


KILLED = """
import sys, time
from eigcore.writing import write_whole

def content(path):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)

write_whole(sys.argv[1], content)
"""


def test_what_a_killed_writer_left_is_removed_and_what_others_write_stays(tmp_path):
    path = tmp_path / "a.txt"
    other = [tmp_path / ".a.txt.notes.tmp", tmp_path / ".b.txt.0123456789ab.tmp"]
    for each in other:
        each.write_bytes(b"")
    command = [sys.executable, "-c", KILLED, str(path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"writing\n"
    (temporary,) = set(tmp_path.iterdir()) - set(other)
    write_whole(path, b"new")
    assert temporary.read_bytes() == b"half", "its writer runs"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    write_whole(path, b"newer")
    assert set(tmp_path.iterdir()) == {path, *other}


def test_a_place_is_tried_before_the_work(tmp_path, monkeypatch):
    check_folder(tmp_path / "a.txt")
    assert not os.listdir(tmp_path)

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(InvalidInput, match=r"a.txt' cannot be written \(Permission denied\)"):
            check_folder(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        for check in (check_folder, lambda path: write_whole(path, b"new")):
            with pytest.raises(InvalidInput, match="may only be read"):
                check(tmp_path / "a.txt")


FULL = """
import resource, signal, sys
from eigcore.errors import InvalidInput
from eigcore.writing import check_folder

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    check_folder(sys.argv[1])
except InvalidInput as exc:
    print(exc)
"""


def test_a_full_disk_is_found_before_the_work(tmp_path):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL, str(tmp_path / "a.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "a.txt' cannot be written (" in done.stdout
    assert not os.listdir(tmp_path)


def test_a_failure_is_told_with_the_name_of_the_file(tmp_path):
    def fail(temporary):
        raise OSError(28, "No space left on device", str(temporary))

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_whole(tmp_path / "a.txt", fail)
    assert caught.value.filename == str(tmp_path / "a.txt")
