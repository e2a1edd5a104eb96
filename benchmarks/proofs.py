"""Proofs and a box: CPU seconds to make and check, and bytes. Run: python -m benchmarks.proofs"""

import time

import numpy as np

from eigcore import EigSpec, SpectralModel
from eigcore.encoding import Encoding, PiecewiseLinear
from eigcore.guarantees import checker
from eigcore.guarantees.proof import Proof

CASES = [(8, 16, 5, 4), (8, 16, 9, 12), (8, 16, 13, 12), (50, 16, 5, 12)]
"""Columns, knots, order and members; the third is of the size of a California housing model."""


def made(columns, knots, dim, members, seed=0):
    """A model whose first column is increasing."""
    rng = np.random.default_rng(seed)
    grid = tuple(np.linspace(0.0, 1.0, knots + 1).tolist())
    encoding = Encoding(tuple(PiecewiseLinear(grid, "clamped") for _ in range(columns)))
    spec = EigSpec(encoding.terms, dim)
    own = []
    for _ in range(members):
        M = rng.normal(size=(1, encoding.terms + 1, dim, dim))
        M = M + M.mT
        M[:, 1 : knots + 1] = M[:, 1 : knots + 1] @ M[:, 1 : knots + 1].mT
        rows, cols = np.tril_indices(dim)
        own.append((spec, M[..., rows, cols] * np.where(rows == cols, 1.0, 2**0.5)))
    return SpectralModel(encoding, own)


def main():
    """Print a table."""
    names = ["columns", "pieces", "order", "members", "certify, s", "prove, s", "check, s"]
    names += ["proof, KB", "claims", "prove a box, s", "check it, s", "box, KB"]
    print(f"| {' | '.join(names)} |")
    print("|---" * len(names) + "|")
    for columns, knots, dim, members in CASES:
        model = made(columns, knots, dim, members)
        times = [time.process_time()]
        model.certify()
        times.append(time.process_time())
        proof = model.prove()
        times.append(time.process_time())
        text = proof.to_json().encode()
        count = len(checker.check(proof.model, text))
        times.append(time.process_time())
        around = model.prove(x=[[0.4] * columns], radius=0.05).claims[-1:]
        box = Proof(proof.model, around).to_json().encode()
        times.append(time.process_time())
        checker.check(proof.model, box)
        times.append(time.process_time())
        certify, prove, check, both, check_box = np.diff(times)
        prove_box = both - prove
        sizes = f"| {columns} | {knots} | {dim} | {members} | {certify:.2f} | {prove:.2f} "
        sizes += f"| {check:.1f} | {len(text) / 1024:.0f} | {count} "
        print(f"{sizes}| {prove_box:.2f} | {check_box:.1f} | {len(box) / 1024:.0f} |")


if __name__ == "__main__":
    main()
