"""The pictures of docs/plots.md: each is on the page, small, and can be drawn again."""

import re
from pathlib import Path

import plots_pictures as pictures
import pytest

from eigcore import plots

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plots.md").read_text()


def test_each_picture_is_on_the_page_and_small():
    shown = re.findall(r"\]\(plots/([\w-]+)\.png\)", PAGE)
    assert shown == [*pictures.PICTURES]
    assert {path.stem for path in (DOCS / "plots").iterdir()} == {*shown}
    for name in shown:
        assert (DOCS / "plots" / f"{name}.png").stat().st_size < 100 * 1024


def test_each_display_is_on_the_page():
    assert set(re.findall(r"`(\w+Display)\.from_model", PAGE)) == set(plots.__all__)


def test_the_page_runs_and_a_picture_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    monkeypatch.setattr(pictures, "OPTIONS", pictures.OPTIONS | {"members": 1, "max_iter": 3})
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "docs/plots.md", "exec"), {})
    pictures.main(["training"])
    for name in ("area", "training"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_an_unknown_picture_is_named():
    with pytest.raises(SystemExit, match=r"No picture 'shap'.*waterfall"):
        pictures.main(["shap"])
