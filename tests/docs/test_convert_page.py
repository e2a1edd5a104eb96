"""The code of the page about other worlds runs as it stands."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "convert.md").read_text()

OPTIONAL = {"skl2onnx", "onnxscript", "sklearn", "torch"}
"""Packages of single blocks; the page says that torch's exporter needs onnxscript."""


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("onnx", reason="needs onnx")
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        needed = OPTIONAL & set(re.findall(r"\w+", code.replace("torch.onnx", "onnxscript")))
        if all(map(find_spec, needed)):
            exec(compile(code, "convert.md", "exec"), names)
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    (commands,) = re.findall(r"```sh\n(cc.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(commands, shell=True, check=True, capture_output=True, text=True)
    row = names["rows"][:1]
    assert float(done.stdout) == pytest.approx(names["model"].predict(row)[0], rel=1e-12)
