"""Models outside of eigcore beside the model: ``python -m benchmarks.convert``.

The model of the demo (cars) is written in every format; each predicts the same rows. Printed are
the size of the file, the largest difference from `SpectralModel.predict` as a fraction of the
prediction, and the time of a row in a batch on one thread. ONNX needs onnxruntime, C a compiler.
"""

import ctypes
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np

from eigcore.cli.demo import fit_cars
from eigcore.convert import FORMATS, convert, reader

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
    return lambda x: session.run(None, {"cells": x})[0][:, 0]


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


def main() -> None:
    cars, result = fit_cars(None, None)
    cells = result.model.encoding.table(cars)
    x = np.resize(cells, (ROWS, cells.shape[1]))
    expected = result.model.predict(x, codes=True)
    print("| format | file | largest difference | µs a row |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        result.model.save(Path(folder, "cars.eig"))
        for name, (ending, _) in FORMATS.items():
            path = Path(folder, f"cars{ending}")
            convert(result.model, path)
            predict = globals()[f"of_{name}"](path)
            off = np.max(np.abs(predict(x) / expected - 1))
            least = np.inf
            for _ in range(TIMES):
                start = time.perf_counter()
                predict(x)
                least = min(least, time.perf_counter() - start)
            size = path.stat().st_size / 1000
            print(f"| {name} | {size:.0f} kB | {off:.1e} | {least / ROWS * 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    main()
