"""The code of the page about bounds runs, from top to bottom."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "bounds.md").read_text()


def test_code_runs():
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    assert code.count("assert") >= 8
    exec(compile(code, "bounds.md", "exec"), {})
