"""What a report says of guarantees and files: proofs in words, code, hashes."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

import numpy as np

from eigcore.encoding import Categories, Column
from eigcore.guarantees import text as words
from eigcore.guarantees.certificate import Certificate
from eigcore.guarantees.proof import prove
from eigcore.model import SpectralModel
from eigcore.portable.description import ModelStatic
from eigcore.portable.file import parameters_sha256
from eigcore.report.numerals import most

DECISIONS = {
    "identity": "the prediction",
    "logistic": "the log-odds",
    "log": "the logarithm of the prediction",
    "softmax": "the score of a class",
}
"""What slopes and contributions are counted in."""


def decision_of(static: ModelStatic) -> str:
    """Return what slopes and contributions of a model are counted in."""
    found = DECISIONS[static.link]
    return found if static.clip is None else f"{found} before its bounds"


def guarantees(model: SpectralModel, certificate: Certificate, data: bytes) -> dict[str, Any]:
    """Return what is proven, column by column, and the sentences of the exact proof.

    Parameters
    ----------
    model : SpectralModel
    certificate : Certificate
        Its own.
    data : bytes
        Its model file.
    """
    rows = words.guarantees(certificate)
    return {
        "rows": [(each.column, most(each.bound), each.words) for each in rows],
        "joint": words.joint(certificate),
        "beyond": words.everywhere(certificate),
        "sum": most(certificate.l1),
        "root": most(certificate.l2),
        "sentences": prove(model, data).sentences(),
    }


def hashes(model: SpectralModel, data: bytes) -> dict[str, str]:
    """Return name -> SHA-256 of the model file and of its parameters."""
    return {
        "SHA-256 of the model file": hashlib.sha256(data).hexdigest(),
        "SHA-256 of its parameters": parameters_sha256(model.params),
    }


def codes(model: SpectralModel, file: str) -> dict[str, str]:
    """Return where a model can be used -> what to type there.

    Parameters
    ----------
    model : SpectralModel
    file : str
        Name of the model file.
    """
    pairs = zip(model.encoding.names, model.encoding.columns, strict=True)
    row = {name: [_usual(column)] for name, column in pairs if not getattr(column, "of", None)}
    load = f"from eigcore import SpectralModel\n\nmodel = SpectralModel.load({file!r})\n"
    table = f"table = {row!r}\n"
    numbers = "rows = model.encoding.table(table)  # numbers, with codes for levels\n"
    name = shlex.quote(file)
    return {
        "Python": f"{load}{table}print(model.predict(table))",
        "PyTorch": f"import torch\n{load}{table}{numbers}module = model.to_torch()\n"
        "print(module(torch.tensor(rows), codes=True))",
        "JAX": f"import jax.numpy as jnp\n{load}{table}{numbers}params, apply = model.to_jax()\n"
        "print(apply(params, jnp.asarray(rows), codes=True))",
        "Command": f"eigcore predict {name} table.csv -o predictions.csv\n"
        f"eigcore certify {name} --proof proof.json\neigcore verify {name} proof.json",
    }


def _usual(column: Column) -> Any:
    """Return a cell in the middle of a column."""
    if isinstance(column, Categories):
        return column.levels[0]
    edges = column.pieces(np.zeros(column.terms)).edges
    edges = edges[np.isfinite(edges)]
    middle = edges[len(edges) // 2] if len(edges) else getattr(column, "center", 0.0)
    return float(f"{middle:.4g}")
