"""The blocks of docs/explain.md run in order."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "explain.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_runs(capsys):
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/explain.md", "exec"), names)
    told = capsys.readouterr().out
    assert "Compared with the baseline: −" in told
    assert "income" in told
    assert "When both play their best" in told
    assert len(BLOCKS) == 10
