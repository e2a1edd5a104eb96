"""The gallery: its scripts run, on few rows and with small matrices, and its numbers are theirs."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib").use("Agg")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text()
NAMES = ("credit", "pricing", "engineering")
SMALL = {"members": 1, "dim": 2, "knots": 2, "penalty": 0.01, "max_iter": 20}


@pytest.mark.parametrize("name", NAMES)
def test_a_script_runs(name, tmp_path, capsys):
    if name == "pricing":
        pytest.importorskip("statsmodels", reason="the gallery compares with statsmodels")
    text = (DOCS / "gallery" / f"{name}.py").read_text()
    text = re.sub(r'    (members=6|preset="quick"),\n', "", text)
    text = re.sub(r"^ROWS(.*?) = (\d+)0", r"ROWS\1 = \2", text, flags=re.MULTILINE)
    text, fits = re.subn(r"validation=0\b", "validation=0, **SMALL", text)
    assert fits == text.count("**SMALL") > 0
    exec(compile(text, name, "exec"), {"__file__": str(tmp_path / "script.py"), "SMALL": SMALL})
    assert len(capsys.readouterr().out) > 500
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in (DOCS / "gallery").glob(f"{name}-*.png")}


def test_each_picture_is_on_the_page_and_small():
    shown = set(re.findall(r"\]\(gallery/([\w-]+\.png)\)", PAGE))
    assert shown == {path.name for path in (DOCS / "gallery").glob("*.png")}
    assert all((DOCS / "gallery" / name).stat().st_size < 100 * 1024 for name in shown)


def test_each_number_of_a_table_is_printed_by_its_script():
    for name in NAMES:
        section = PAGE.split(f"`docs/gallery/{name}.py`")[1].split("\n## ")[0]
        told = (DOCS / "gallery" / f"{name}.txt").read_text()
        numbers = re.findall(r"(?<=\| )\d+\.\d+(?= ?%? \|)", re.sub(r"\|", "|", section))
        assert numbers
        assert not [each for each in numbers if each not in told]
