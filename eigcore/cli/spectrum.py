"""`eigcore spectrum`: the eigenvalues that are there beside those that theory predicts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional

import numpy as np
import typer
from rich.table import Table

from eigcore.cli import show
from eigcore.cli.matrices import (
    called,
    is_function,
    operator_of,
    read_matrix,
    read_weights,
    weights_of,
)
from eigcore.cli.options import Json
from eigcore.drawing import pyplot
from eigcore.errors import InvalidInput
from eigcore.operators import Operator, extreme_eigenvalues, spectral_density
from eigcore.rmt.classical import semicircle
from eigcore.rmt.covariance import sample_covariance
from eigcore.rmt.fitting import FAMILIES, Fit, fit_law
from eigcore.rmt.overlay import Overlay, overlay
from eigcore.spectra import Metrics, metrics
from eigcore.writing import check_folder

_LAWS = tuple(name.replace("_", "-") for name in FAMILIES)
_PICTURES = (".png", ".svg", ".pdf")
_MOST = 7
"""Matrices of a model whose spectra are drawn."""
_Pair = tuple[Fit | None, Overlay]


def spectrum_command(
    source: Annotated[
        str,
        typer.Argument(
            help="Matrix with samples as rows: all columns of numbers of a .csv, .parquet, .arrow, "
            ".npy or .safetensors file; a model: a .safetensors file with several matrices; or "
            "module:function, which returns an array, a model, an operator or (loss, parameters)."
        ),
    ],
    law: Annotated[
        Optional[str],  # noqa: UP045 (typer reads the annotation at run time)
        typer.Option(metavar="|".join(_LAWS), help="Prediction. Default: by the matrix."),
    ] = None,
    scale: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Scale of the law: variance of white data. Default: fitted."),
    ] = None,
    ratio: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Columns per sample of the law. Default: of the matrix."),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Take columns as they are. Default: standardise them.")
    ] = False,
    tensor: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Matrix of a .safetensors file."),
    ] = None,
    level: Annotated[
        float, typer.Option(help="p-value below which an eigenvalue is signal.")
    ] = 0.01,
    steps: Annotated[int, typer.Option(help="Lanczos steps, for an operator.")] = 80,
    probes: Annotated[int, typer.Option(help="Random vectors, for an operator.")] = 10,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Draw both into a .png, .svg or .pdf file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the spectrum of a matrix beside the law of noise: edges, signal, and significance.

    The eigenvalues are those of the covariance of the columns; of a symmetric matrix its own; of a
    model those of each weight matrix, with shape and scale metrics; of a loss those of its Hessian,
    estimated by Lanczos.

    Examples: `eigcore spectrum returns.csv --plot spectrum.png`,
    `eigcore spectrum model.safetensors`
    """
    _check(law, plot, scale)
    if tensor is not None and not source.lower().endswith(".safetensors"):
        raise InvalidInput(
            f"--tensor {tensor} names a matrix of a .safetensors file, and the source is {source}; "
            "expected such a file. Leave --tensor out."
        )
    options = {"law": law, "scale": scale, "ratio": ratio, "level": level}
    if not is_function(source):
        weights = None if tensor else read_weights(Path(source))
        if weights is None:
            values, c = eigenvalues_of(read_matrix(Path(source), tensor), raw)
            correlation = not raw and not math.isnan(c)
            pair = compared(values, c, standardised=correlation, **options)
            _show({"matrix": pair}, None, plot, as_json)
            return
    else:
        returned = called(source)
        operator = operator_of(returned)
        if operator is not None:
            _of_operator(operator, steps, probes, plot, as_json)
            return
        weights = weights_of(returned)
    found = {name: _of_layer(W, **options) for name, W in weights.items()}
    _show(found, metrics(weights), plot, as_json)


def _of_layer(W: np.ndarray, **options: Any) -> tuple[Fit | None, Overlay] | None:
    """Return the spectrum of a layer beside the law; None for one with equal eigenvalues."""
    values, c = eigenvalues_of(W, True)
    if values[-1] - values[0] <= 1e-12 * abs(values).max():
        return None
    return compared(values, c, **options)


def _show(
    found: Mapping[str, _Pair | None], layers: Metrics | None, plot: Path | None, as_json: bool
) -> None:
    """Print and draw spectra beside laws, and the metrics of a model."""
    pairs = {name: pair for name, pair in found.items() if pair is not None}
    if plot:
        _draw(_panels(pairs, layers), plot)
    lines = [None] * len(found) if layers is None else layers.layers
    if as_json:
        records = {
            name: (record(*pair) if pair else {}) | ({"metrics": line} if line else {})
            for (name, pair), line in zip(found.items(), lines, strict=True)
        }
        typer.echo(json.dumps(records))
        return
    if len(found) == 1 and pairs:
        [(fit, seen)] = pairs.values()
        show.line("\n".join(filter(None, [fit and str(fit), str(seen)])))
    else:
        show.console().print(_table(found))
    if layers is not None:
        show.line(f"\nShape and scale\n{layers}")


def _panels(pairs: Mapping[str, _Pair], layers: Metrics | None) -> list[tuple[str, Any]]:
    """Return what is drawn: metrics over the layers of a model, and spectra if there are few."""
    spectra = [(name, seen.plot) for name, (_, seen) in pairs.items()]
    if layers is None or len(layers.layers) == 1:
        return spectra
    known = [layer["alpha"] is not None for layer in layers.layers]
    names = ["alpha", "stable_rank"] if any(known) else ["stable_rank"]
    over = [("", partial(layers.plot, name)) for name in names]
    return over + (spectra if len(spectra) <= _MOST else [])


def _check(law: str | None, plot: Path | None, scale: float | None) -> None:
    """Raise for an unknown law, a scale that is none, or a picture that cannot be written."""
    if law is not None and law not in _LAWS:
        raise InvalidInput(
            f"--law is {law}; expected one of {', '.join(_LAWS)}. Type --law {_LAWS[0]}"
        )
    if scale is not None and not 0 < scale < math.inf:
        raise InvalidInput(f"--scale is {scale}; expected a positive number. Type --scale 1")
    if plot is None:
        return
    if plot.suffix.lower() not in _PICTURES:
        raise InvalidInput(
            f"--plot is {str(plot)!r}; expected a file ending in {', '.join(_PICTURES)}. Type "
            "--plot spectrum.png"
        )
    check_folder(plot)


def eigenvalues_of(M: np.ndarray, raw: bool) -> tuple[np.ndarray, float]:
    """Return the eigenvalues and p/n; p/n is NaN for a symmetric matrix.

    Without `raw` the columns are standardised, which costs one sample. With it the smaller side of
    the matrix counts as columns.
    """
    if M.shape[0] == M.shape[1] and np.allclose(M, M.T, atol=1e-8 * np.abs(M).max()):
        return np.linalg.eigvalsh(M), math.nan
    n, p = M.shape
    if raw:
        M = M if p <= n else M.T
        return np.linalg.eigvalsh(M.T @ M / max(M.shape)), min(n, p) / max(n, p)
    spread = M.std(0, ddof=1) if n > 1 else np.zeros(p)
    M = M[:, spread > 1e-12 * np.abs(M).max()]
    if n < 3 or M.shape[1] < 2:
        raise InvalidInput(
            f"{n} samples of {M.shape[1]} columns that vary; expected at least 3 of 2. Type --raw "
            "to take the matrix as it is."
        )
    X = (M - M.mean(0)) / M.std(0, ddof=1)
    values = np.linalg.svd(X, compute_uv=False) ** 2 / (n - 1)
    values = np.concatenate([values, np.zeros(max(0, X.shape[1] - len(values)))])
    values[n - 1 :] = 0.0
    return np.sort(values), X.shape[1] / (n - 1)


def compared(
    values: np.ndarray,
    c: float,
    law: str | None,
    scale: float | None,
    ratio: float | None,
    level: float,
    standardised: bool = False,
) -> tuple[Fit | None, Overlay]:
    """Return the fit, or None with a given scale, and the spectrum beside the law."""
    family = law or ("semicircle" if math.isnan(c) else FAMILIES[0])
    family, own = family.replace("-", "_"), ratio if ratio is not None or math.isnan(c) else c
    if scale is None or family == "sample_covariance":
        fit = fit_law(values, family, ratio=own)
        return fit, overlay(values, fit, level=level, standardised=standardised)
    if family == "semicircle":
        return None, overlay(values, semicircle(scale), level=level)
    if own is None:
        raise InvalidInput(
            "The matrix is symmetric, so its samples are not known; expected columns per sample. "
            "Type --ratio 0.5 for example, or --law semicircle"
        )
    made = sample_covariance([scale], own)
    return None, overlay(values, made, level=level, standardised=standardised)


def record(fit: Fit | None, seen: Overlay) -> dict[str, Any]:
    """Return JSON values of a fit and an overlay."""
    out = {**seen.to_dict(), "eigenvalues": seen.eigenvalues.tolist(), "fit": None}
    if fit is not None:
        out["fit"] = {
            "family": fit.family,
            "scale": fit.scale,
            "ratio": None if math.isnan(fit.ratio) else fit.ratio,
            "distance": fit.distance,
            "usual": list(fit.usual),
            "good": fit.good,
        }
    return out


def _table(found: Mapping[str, _Pair | None]) -> Table:
    table = Table(title="Weight matrices beside the law of noise", title_justify="left")
    for name in ("matrix", "order", "ratio", "upper edge", "largest", "p-value", "outliers", "fit"):
        left = name in ("matrix", "fit")
        table.add_column(name, justify="left" if left else "right", no_wrap=name == "matrix")
    for name, pair in found.items():
        if pair is None:
            table.add_row(name, *[""] * 6, "equal eigenvalues")
            continue
        fit, seen = pair
        ratio = "" if fit is None or math.isnan(fit.ratio) else f"{fit.ratio:.3g}"
        verdict = "" if fit is None else "good" if fit.good else "NOT of this law"
        numbers = [seen.edges[-1].place, float(seen.eigenvalues[-1]), seen.p_value]
        cells = [f"{number:.4g}" for number in numbers]
        table.add_row(
            name, str(len(seen.eigenvalues)), ratio, *cells, str(len(seen.outliers)), verdict
        )
    return table


def _of_operator(
    operator: Operator, steps: int, probes: int, plot: Path | None, as_json: bool
) -> None:
    """Print the density and the extreme eigenvalues of an operator."""
    density = spectral_density(operator, min(steps, operator.size), probes)
    few = max(1, min(5, operator.size // 2))
    ends = extreme_eigenvalues(operator, few, "both") if operator.size > 1 else None
    if plot:
        _draw([("", lambda axes: density.plot(axes))], plot)
    if as_json:
        x = np.linspace(density.nodes.min(), density.nodes.max(), 200)
        seen = density.density(x)
        out: dict[str, Any] = {"order": operator.size, "steps": steps, "probes": probes}
        out |= {"x": x.tolist(), "density": seen.value.tolist(), "error": seen.error.tolist()}
        out["extremes"] = ends and {"values": ends.values.tolist(), "bounds": ends.bounds.tolist()}
        typer.echo(json.dumps(out).replace("NaN", "null"))
        return
    show.line(str(density))
    if ends is not None:
        pairs = zip(ends.values, ends.bounds, strict=True)
        show.line("Extremes: " + ", ".join(f"{v:.6g} ± {bound:.1g}" for v, bound in pairs))


def _draw(plots: list[tuple[str, Any]], path: Path) -> None:
    """Draw pictures side by side into a file."""
    pyplot()  # an error of its own without matplotlib
    from matplotlib.figure import Figure

    columns = min(3, len(plots))
    rows = math.ceil(len(plots) / columns)
    figure = Figure((6.4 * columns, 4.8 * rows), layout="tight")
    for place, (name, draw) in enumerate(plots):
        axes = figure.add_subplot(rows, columns, place + 1)
        draw(axes)
        axes.set_title(name if len(plots) > 1 else "")
    figure.savefig(path)
