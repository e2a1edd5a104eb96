"""The page and the picture of the architecture tell of the rooms that there are."""

import html
import importlib.util
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PICTURE = (ROOT / "docs" / "architecture.svg").read_text()
_spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "architecture.py")
picture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(picture)


def paragraphs(page):
    """Room -> what the page says of it."""
    return dict(re.findall(r"^## (\w+)\n\n(.*?)(?=\n## |\Z)", page, re.MULTILINE | re.DOTALL))


def unexplained(page):
    """Rooms without a paragraph, and paragraphs without a room."""
    folders = {path.name for path in (ROOT / "eigcore").iterdir() if path.is_dir()}
    rooms = (set(picture.rooms()) | folders) - {"__pycache__"}
    return rooms ^ set(paragraphs(page))


def test_every_room_has_a_paragraph_and_every_paragraph_a_room():
    assert unexplained(PAGE) == set()
    assert unexplained(PAGE.replace("## encoding", "## decoding")) == {"encoding", "decoding"}


@pytest.mark.parametrize("name", [*picture.rooms()])
def test_a_paragraph_says_what_a_room_knows_and_what_stays_out(name):
    text = paragraphs(PAGE)[name]
    assert re.match(r"Knows |They stand ", text)
    assert "only room" in text or "*Stays out:*" in re.sub(r"\s+", " ", text)


def test_the_picture_is_up_to_date():
    said = html.unescape(re.search(r"<dc:description>(.*?)</dc:description>", PICTURE, re.S)[1])
    assert said == picture.facts(), "the code has changed. Type: make picture"


def test_every_room_of_the_picture_has_a_caption():
    assert set(picture.rooms()) == set(picture.CAPTIONS)


def test_the_picture_shows_every_import_or_a_way_of_arrows_that_leads_there():
    uses, arrows = picture.imports(), picture.arrows()
    shown = {name: {other for one, other in arrows if one == name} for name in uses}
    for name, others in uses.items():
        assert picture.below(shown, name) == picture.below(uses, name) >= others
    assert ("backends", "plugin") in arrows
    assert ("fit", "core") not in arrows


def test_a_floor_uses_floors_below_it_only():
    height = {name: number for number, names in enumerate(picture.floors()) for name in names}
    for name, others in picture.imports().items():
        assert all(height[other] < height[name] for other in others)


def test_imports_inside_functions_are_seen(tmp_path):
    path = tmp_path / "lazy.py"
    path.write_text("def f():\n    from eigcore import EigSpec\n    import eigcore.fit.search\n")
    assert picture._imported(path, {"EigSpec": "core"}) == {"core", "fit"}


def test_a_box_has_room_for_its_name_its_caption_and_every_line_of_modules():
    for name, (_, _, wide, tall) in picture.boxes().items():
        lines = picture.lines(name, wide)
        assert tall >= picture.HEAD + picture.LINE * len(lines) - 1e-9
        assert "  ".join(lines).split() == picture.contents(name).split()


def test_no_arrow_runs_through_a_box():
    boxes = picture.boxes()
    for name, other in picture.arrows():
        corners = picture.way(boxes[name], boxes[other])
        for (x, y), (u, v) in itertools.pairwise(corners):
            points = [(x + t * (u - x), y + t * (v - y)) for t in np.linspace(0.001, 0.999, 200)]
            for left, bottom, wide, tall in boxes.values():
                inside = [left < p < left + wide and bottom < q < bottom + tall for p, q in points]
                assert not any(inside), (name, other)
