"""Write the golden files of this folder with eigcore 0.1.0 as of commit 300b6fe.

They are what people had on their disks before the rooms were rebuilt: models of every kind, a
checkpoint in the middle of a stream, exported programs, and what that code made of them. Later
code must load and reproduce them (`tests/portable/test_golden.py`); so this script is run with that
old code only, from its root::

    python path/to/make.py
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np
import torch

sys.path[:0] = ["tests", str(Path(__file__).parent)]
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_include_full_tracebacks_in_locations", False)
jax.config.update("jax_hlo_source_file_canonicalization_regex", ".*/")
import samples  # noqa: E402
from tables import STREAM, batches, table  # noqa: E402

import eigcore  # noqa: E402
from eigcore import EigSpec  # noqa: E402
from eigcore.fit import fit, resume  # noqa: E402
from eigcore.stream import fit_stream  # noqa: E402

HERE = Path(__file__).parent
ROWS = 24
QUICK = {"dim": 3, "knots": 4, "members": 2, "penalty": 1e-3, "max_iter": 12, "validation": 0.0}


def plain(value):
    """JSON values, NaN and infinity as text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


FITTED = {
    "regression": ("y", {"increasing": ["a"], "decreasing": ["d"], "categories": ["code"]}),
    "linear": ("y", {"knots": 0, "dim": 1, "members": 1}),
    "projections": ("y", {"projections": 2, "drop_columns": ["kind"]}),
    "selection": ("y", {"selection": 0.2}),
    "convex": ("y", {"shape": "convex", "increasing": ["a"]}),
    "concave": ("y", {"shape": "concave"}),
    "tridiagonal": ("y", {"neuron": {"structure": "tridiagonal"}}),
    "weighted": ("y", {"neuron": {"functional": "weighted", "weights": [0.2, 0.5, 0.3]}}),
    "smooth": ("y", {"neuron": {"functional": "smooth", "alpha": 0.3}, "increasing": ["a"]}),
    "poisson": ("count", {"loss": "poisson"}),
    "huber": ("y", {"loss": "huber", "delta": 0.7}),
    "quantile": ("y", {"loss": "quantile", "quantile": 0.8}),
    "logistic": ("label", {"increasing": ["a"]}),
    "booleans": ("flag", {}),
    "multinomial": ("class", {}),
}


def answers(model, X):
    """What a model says of a table."""
    found = {name: model.predict(X, backend=name) for name in ("numpy", "torch", "jax")}
    radius = {
        name: 0.1
        for name, column in zip(model.encoding.names, model.encoding.columns, strict=True)
        if column.numeric
    }
    explanation = model.explain(X)
    return plain(
        {
            "predict": found,
            "decision": model.decision(X),
            "certificate": model.certify(x=X, radius=radius).to_dict(),
            "text": str(model.certify(x=X, radius=radius)),
            "box": model.certify(radius=radius).box,
            "norms": model.feature_norms,
            "contributions": explanation.contributions,
            "slopes": explanation.slopes,
            "canonical": [np.asarray(p).sum() for p in model.canonical().params],
        }
    )


def main():
    expected = {"eigcore": eigcore.__version__, "models": {}, "fitted": {}}
    for number, variant in enumerate(samples.VARIANTS):
        model, X = samples.model(number, **variant), samples.rows(ROWS, number)
        model.save(HERE / f"sample-{number}.eig")
        expected["models"][f"sample-{number}"] = {"rows": plain(X), **answers(model, X)}
    for name, (target, options) in FITTED.items():
        columns, targets = table(1)
        model = fit(columns, targets[target], **QUICK | options).model
        model.save(HERE / f"{name}.eig")
        more, _ = table(2, ROWS)
        kept = {key: more[key] for key in model.encoding.names}
        further, steps = resume(model, columns, targets[target], max_iter=5)
        expected["fitted"][name] = {
            "rows": plain(kept),
            "target": target,
            **answers(model, kept),
            "resumed": plain([each.value for each in steps]),
            "resumed_predict": plain(further.predict(kept)),
        }
    expected["stream"] = stream()
    expected["exported"] = export()
    text = json.dumps(expected, allow_nan=False, separators=(",", ":"))
    (HERE / "expected.json").write_text(text + "\n")


def stream():
    """A checkpoint in the middle of a run, and what the whole run gives."""
    whole = fit_stream(batches(), "y", **STREAM).model
    steps = iter(range(1000))

    def stop(step):
        return step.stage == "streaming" and next(steps) == 12

    path = HERE / "stream.checkpoint"
    path.unlink(missing_ok=True)
    half = fit_stream(
        batches(), "y", **STREAM, checkpoint=path, checkpoint_seconds=0.0, callback=stop
    )
    more = table(4, ROWS)[0]
    return plain({"rows": more, "half": half.model.predict(more), "whole": whole.predict(more)})


def export():
    """Programs of torch.export and jax.export for one pencil, made with the kernels and without."""
    spec = EigSpec(3, 4)
    rng = np.random.default_rng(5)
    params, x = rng.normal(size=spec.params_shape), rng.normal(size=(6, 3))

    class Neuron(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.params = torch.nn.Parameter(torch.tensor(params))

        def forward(self, x):
            return eigcore.evaluate(spec, self.params, x)

    program = torch.export.export(Neuron(), (torch.tensor(x),), strict=False)
    for node in program.graph.nodes:  # no path of the machine that wrote it
        node.meta.pop("stack_trace", None)
    torch.export.save(program, HERE / "neuron.pt2")
    torch.save(samples.model(0).to_torch().state_dict(), HERE / "module.pt")
    fixed = jax.numpy.asarray(params)
    exported = jax.export.export(jax.jit(lambda x: eigcore.evaluate(spec, fixed, x)))
    data = exported(jax.ShapeDtypeStruct(x.shape, "float64")).serialize()
    (HERE / "neuron.jax").write_bytes(bytes(data))
    return plain({"x": x, "values": eigcore.evaluate(spec, params, x), "params": params})


if __name__ == "__main__":
    main()
