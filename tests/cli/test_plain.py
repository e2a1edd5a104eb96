"""Terminals without UTF-8, readers that leave, and files without end."""

import io
import subprocess
import sys

import pytest
from samples import small

from eigcore.cli import main, prove
from eigcore.cli.plain import speak_plainly
from eigcore.encoding import Linear


@pytest.fixture
def verified(tmp_path):
    """The words of `eigcore verify` for a model and its proof."""
    model, proof = tmp_path / "m.eig", tmp_path / "p.json"
    line = small(Linear(), [(0, 0, 1, 1.0)])
    line.save(model)
    line.prove().save(proof)
    return ["verify", str(model), str(proof)]


def test_characters_that_an_encoding_lacks_are_spelled():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    speak_plainly(stream)
    print("λ ≥ 1 … Łódź", file=stream, flush=True)
    assert stream.buffer.getvalue() == b"lambda >= 1 ... \\u0141\\xf3d\\u017a\n"


def test_a_reader_may_leave(verified):
    call = [sys.executable, "-m", "eigcore.cli", *verified]
    done = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdout.close()
    assert done.stderr.read() == b""
    assert done.wait() == 1
    done.stderr.close()


def test_a_file_without_end_is_not_read(verified, monkeypatch, capfd):
    assert main(verified) == 0
    monkeypatch.setattr(prove, "LARGEST", 99)
    capfd.readouterr()
    assert main(verified) == 1
    assert "has more than 99 bytes. Expected a model file" in capfd.readouterr().err


def test_one_row_is_no_case(verified, tmp_path, capfd):
    table = tmp_path / "t.csv"
    table.write_text("t\n1.0\n")
    assert main(["explain", verified[1], str(table), "--row", "0"]) == 1
    assert "its own 'mean'" in capfd.readouterr().err
