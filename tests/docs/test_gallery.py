"""The gallery: its scripts run, on few rows and with small matrices, and its numbers are theirs."""

import re
from pathlib import Path

import gallery_pictures as pictures
import pytest

import eigcore.fit as fit_module

pytest.importorskip("sklearn")
plt = pytest.importorskip("matplotlib.pyplot")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "gallery.md").read_text()
NUMBER = r"(?<=\| )\d+\.\d+(?= ?%? \|)"
SMALL = {"preset": "default", "members": 1, "dim": 2, "knots": 2, "penalty": 0.01, "max_iter": 20}


NEEDS = {"pricing": "statsmodels", "speed": "torch", "tridiagonal": "torch", "moreau": "torch"}


@pytest.mark.parametrize("name", pictures.NAMES)
def test_a_script_runs(name, capsys, monkeypatch):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason="a script of the gallery imports it")
    text = (DOCS / "gallery" / f"{name}.py").read_text()
    text = re.sub(
        r"^(ROWS|EPOCHS|COUNT|ROUNDS|STEPS)(.*?) = (\d+)\d", r"\1\2 = \3", text, flags=re.M
    )
    text = re.sub(r"^STARTS = \d", "STARTS = 1", text, flags=re.M)
    fitted = fit_module.fit
    quick = lambda *given, **options: fitted(*given, **options | SMALL)  # noqa: E731
    monkeypatch.setattr(fit_module, "fit", quick)
    plt.close("all")
    exec(compile(text, name, "exec"), {})
    assert len(capsys.readouterr().out) > 300
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
        section = re.split(r"\n##", PAGE.split(f"`docs/gallery/{name}.py`")[1])[0]
        told = (DOCS / "gallery" / f"{name}.txt").read_text()
        numbers = re.findall(NUMBER, section)
        assert numbers or name in ("zoo", "interpretation")
        assert not [each for each in numbers if each not in told]


def test_the_numbers_of_california_are_those_of_the_benchmark():
    section = PAGE.split("### California Housing")[1].split("\n##")[0]
    told = (DOCS / "gallery" / "california.txt").read_text().split()
    numbers = re.findall(r"(?<=\| )\d+(?:\.\d+)?(?= \|)", section)
    assert len(numbers) > 50
    assert set(numbers) <= set(told)
