"""The spelling check of `make check` passes, and looks at pages and code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("codespell_lib", reason="make check spells")
ROOT = Path(__file__).parents[2]


def spelled(folder):
    """What the check says."""
    check = [sys.executable, "-m", "codespell_lib"]
    return subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)


def test_words_are_spelled_right():
    found = spelled(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("place", ["README.md", "docs/spec.md", "eigcore/api/matrices.py"])
def test_a_misspelt_word_is_seen(place, tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# It was rec" + "ieved.\n")
    found = spelled(tmp_path)
    assert found.returncode != 0
    assert "received" in found.stdout
