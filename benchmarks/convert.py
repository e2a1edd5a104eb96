"""Models outside of eigcore beside the model: ``python -m benchmarks.convert``.

The model of the demo (cars) is written in every format; each predicts the same rows. Printed are
the size of the file, the largest difference from `SpectralModel.predict` as a fraction of the
prediction, and the CPU time of a row in a batch on one thread. ONNX needs onnxruntime, C a
compiler; WebAssembly, skl2onnx and torch's exporter are left out where they are not installed.
"""

import ctypes
import dataclasses
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np

from eigcore.cli.demo import fit_cars
from eigcore.convert import FORMATS, convert, onnx_value, reader, register_estimators
from eigcore.encoding import Categories, Encoding
from eigcore.model import SpectralModel

ROWS, TIMES = 5000, 5
Predict = Callable[[np.ndarray], np.ndarray]


def of_c(path: Path) -> Predict:
    library = path.with_suffix(".so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", path, "-o", library, "-lm"], check=True)
    predict = ctypes.CDLL(str(library)).cars_predict
    numbers = np.ctypeslib.ndpointer(np.float64)
    predict.argtypes = [numbers, numbers]

    def found(x: np.ndarray) -> np.ndarray:
        out = np.empty(len(x))
        for i, row in enumerate(x):
            predict(row, out[i : i + 1])
        return out

    return found


def of_onnx(path: Path) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0]


def of_torch(path: Path) -> Predict:
    import torch

    torch.set_num_threads(1)
    net = torch.export.load(path).module()
    return lambda x: net(torch.from_numpy(x)).detach().numpy()


def of_jax(path: Path) -> Predict:
    from jax import export

    program = export.deserialize(bytearray(path.read_bytes()))
    return lambda x: np.asarray(program.call(x))


def of_numpy(path: Path) -> Predict:
    model = reader.read(path.with_name("cars.eig"))
    return lambda x: reader.predict(*model, x)[:, 0]


def of_eig(path: Path) -> Predict:
    model = SpectralModel.load(path)
    return lambda x: np.asarray(model.predict(x, codes=True))


def wasm(model: SpectralModel, path: Path) -> Predict:
    """The C file as the page builds and loads it; the time leaves out how rows get there."""
    page = (Path(__file__).parents[1] / "docs" / "convert.md").read_text()
    convert(model, path.with_name("model.c"))
    (build,) = re.findall(r"```sh\n(clang.*?)```", page, re.DOTALL)
    subprocess.run(build, cwd=path.parent, shell=True, check=True)
    path.with_name("model.wasm").rename(path)
    path.with_name("load.mjs").write_text(re.findall(r"```js\n(.*?)```", page, re.DOTALL)[0])
    path.with_name("run.mjs").write_text(
        'import { readFileSync } from "node:fs"; import { load } from "./load.mjs";'
        f'const predict = await load(readFileSync("{path.name}"));'
        'const rows = JSON.parse(readFileSync("rows.json")).map((r) => r.map((c) => c ?? NaN));'
        "const start = process.cpuUsage(); const found = rows.map((row) => predict(row)[0]);"
        "console.log(JSON.stringify([process.cpuUsage(start).user, found]));"
    )

    def found(x: np.ndarray) -> np.ndarray:
        rows = [[None if np.isnan(cell) else cell for cell in row] for row in x.tolist()]
        path.with_name("rows.json").write_text(json.dumps(rows))
        run = ["node", "run.mjs"]
        done = subprocess.run(run, cwd=path.parent, capture_output=True, text=True, check=True)
        found.microseconds, values = json.loads(done.stdout)
        return np.array(values)

    return found


def by_skl2onnx(model: SpectralModel, path: Path) -> Predict:
    """The model as an estimator of numbers: levels become 0, 1, 2."""
    import skl2onnx

    from eigcore.estimators import SpectralRegressor

    columns = [
        dataclasses.replace(c, levels=tuple(range(len(c.levels))))
        if isinstance(c, Categories)
        else c
        for c in model.encoding.columns
    ]
    same = SpectralModel(
        Encoding(tuple(columns)),
        model.members,
        target_scale=model.static.scale,
        target_offset=model.static.offset,
    )
    register_estimators()
    estimator = SpectralRegressor.from_model(same)
    x = np.zeros((1, len(columns)))
    path.write_bytes(skl2onnx.to_onnx(estimator, x).SerializeToString())
    return of_onnx(path)


def by_torch_exporter(model: SpectralModel, path: Path) -> Predict:
    import torch

    net, x = model.to_torch(), torch.zeros(2, len(model.encoding.columns), dtype=torch.float64)
    with torch.no_grad():
        program = torch.onnx.export(
            net,
            (x,),
            kwargs={"codes": True},
            dynamo=True,
            dynamic_shapes={"x": {0: torch.export.Dim.DYNAMIC}, "codes": None},
            custom_translation_table={torch.ops.eigcore.value.default: onnx_value},
            verbose=False,
        )
    path.write_bytes(program.model_proto.SerializeToString())
    return of_onnx(path)


MORE = {
    "c as WebAssembly": wasm,
    "onnx by skl2onnx": by_skl2onnx,
    "onnx by torch's exporter": by_torch_exporter,
}


def main() -> None:
    cars, result = fit_cars(None, None)
    model = result.model
    cells = model.encoding.table(cars)
    x = np.resize(cells, (ROWS, cells.shape[1]))
    expected = np.asarray(model.predict(x, codes=True))
    print("| format | file | largest difference | µs a row |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (ending, _) in FORMATS.items():
            path = Path(folder, f"cars{ending}")
            convert(model, path)
            row(name, path, globals()[f"of_{name}"](path), x, expected)
        for name, make in MORE.items():
            path = Path(folder, f"{make.__name__}.file")
            try:
                predict = make(model, path)
            except (ImportError, OSError, subprocess.CalledProcessError) as exc:
                print(f"| {name} | left out: {exc} |")
                continue
            row(name, path, predict, x, expected)


def row(name: str, path: Path, predict: Predict, x: np.ndarray, expected: np.ndarray) -> None:
    """Print one format."""
    off = np.max(np.abs(predict(x).ravel() / expected - 1))
    least = np.inf
    for _ in range(TIMES):
        start = time.process_time()
        predict(x)
        seconds = time.process_time() - start
        least = min(least, getattr(predict, "microseconds", 1e6 * seconds))
    size = path.stat().st_size / 1000
    print(f"| {name} | {size:.0f} kB | {off:.1e} | {least / ROWS:.1f} |", flush=True)


if __name__ == "__main__":
    main()
