"""The gallery: its scripts run, on few rows and with small matrices, and its numbers are theirs."""

import re
from pathlib import Path

import gallery_pictures as pictures
import pytest

pytest.importorskip("sklearn")
plt = pytest.importorskip("matplotlib.pyplot")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text()
SMALL = {"members": 1, "dim": 2, "knots": 2, "penalty": 0.01, "max_iter": 20}


@pytest.mark.parametrize("name", pictures.NAMES)
def test_a_script_runs(name, capsys):
    if name == "pricing":
        pytest.importorskip("statsmodels", reason="the gallery compares with statsmodels")
    text = (DOCS / "gallery" / f"{name}.py").read_text()
    text = re.sub(r'    (members=6|preset="quick"),\n', "", text)
    text = re.sub(r"^ROWS(.*?) = (\d+)0", r"ROWS\1 = \2", text, flags=re.MULTILINE)
    text, fits = re.subn(r"validation=0\b", "validation=0, **SMALL", text)
    assert fits == text.count("**SMALL") > 0
    plt.close("all")
    exec(compile(text, name, "exec"), {"SMALL": SMALL})
    assert len(capsys.readouterr().out) > 500
    assert len(plt.get_fignums()) == len([*(DOCS / "gallery").glob(f"{name}-*.png")]) > 0
    plt.close("all")


def test_an_unknown_script_is_named():
    with pytest.raises(SystemExit, match=r"No script 'credits'.*pricing"):
        pictures.main(["credits"])


def test_each_picture_is_on_the_page_and_small():
    shown = set(re.findall(r"\]\(gallery/([\w-]+\.png)\)", PAGE))
    assert shown == {path.name for path in (DOCS / "gallery").glob("*.png")}
    assert all((DOCS / "gallery" / name).stat().st_size < 100 * 1024 for name in shown)


def test_each_number_of_a_table_is_printed_by_its_script():
    for name in pictures.NAMES:
        section = PAGE.split(f"`docs/gallery/{name}.py`")[1].split("\n## ")[0]
        told = (DOCS / "gallery" / f"{name}.txt").read_text()
        numbers = re.findall(r"(?<=\| )\d+\.\d+(?= ?%? \|)", re.sub(r"\|", "|", section))
        assert numbers
        assert not [each for each in numbers if each not in told]
