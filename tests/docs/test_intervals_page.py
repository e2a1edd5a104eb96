"""The blocks of docs/intervals.md run in order."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "intervals.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/intervals.md", "exec"), names)
    assert len(BLOCKS) == 6
