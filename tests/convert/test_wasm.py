"""The C file as a module of WebAssembly predicts as the model does; the page's code loads it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from samples import model, rows

from eigcore.convert import convert

PAGE = (Path(__file__).parents[2] / "docs" / "convert.md").read_text()
RUN = """
import { readFileSync } from "node:fs";
import { load } from "./load.mjs";
const { rows, outputs } = JSON.parse(readFileSync("rows.json"));
const predict = await load(readFileSync("model.wasm"), outputs);
const cells = rows.map((row) => row.map((cell) => cell ?? NaN));
console.log(JSON.stringify(cells.map((row) => [...predict(row)])));
"""


def built(folder):
    """Build model.wasm as the page says, or skip with what is missing."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    if shutil.which("clang") is None:
        pytest.skip("needs clang")
    empty = "#include <math.h>\nint unused;"
    command = [*("clang", "--target=wasm32-wasi", "-nostartfiles", "-Wl,--no-entry"), "-xc", "-"]
    tried = subprocess.run(command, cwd=folder, input=empty, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip("needs clang with lld, wasi-libc and libclang-rt for wasm32")
    (command,) = re.findall(r"```sh\n(clang.*?)```", PAGE, re.DOTALL)
    subprocess.run(command, cwd=folder, shell=True, check=True)


@pytest.mark.parametrize(
    "options",
    [
        {"spec": {"functional": "smooth", "alpha": 0.5}, "link": "logistic", "classes": (0, 1)},
        {"spec": {"outputs": 3, "functional": "softmax", "t": 0.3}, "link": "softmax"}
        | {"classes": ("low", "middle", "top")},
    ],
    ids=("smooth", "softmax"),
)
def test_a_module_of_webassembly(options, tmp_path):
    m, x = model(**options), rows(40)
    convert(m, tmp_path / "model.c")
    built(tmp_path)
    cells = [[None if np.isnan(cell) else cell for cell in row] for row in x.tolist()]
    (tmp_path / "rows.json").write_text(json.dumps({"rows": cells, "outputs": m.outputs}))
    (tmp_path / "load.mjs").write_text(re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)[0])
    (tmp_path / "run.mjs").write_text(RUN)
    command = ["node", "run.mjs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = np.reshape(m.predict(x, codes=True), (len(x), -1))
    np.testing.assert_allclose(json.loads(done.stdout), expected, rtol=1e-12, atol=1e-15)
