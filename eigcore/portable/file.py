"""The model file: a safetensors file whose metadata describes the model (docs/model-file.md).

This module handles bytes, checksums and versions; `eigcore.model` interprets the content. It never
executes anything that it reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from eigcore.errors import InvalidInput, ModelFileError
from eigcore.writing import write_whole

FORMAT = "eigcore-model"
VERSION = "1.3"
"""1.1 added the link "softmax", 1.2 projections, 1.3 calibrations, clip, outside and fitted."""
KEY = "eigcore"
"""The only entry of the metadata: with more, equal models could give different files."""
FIELDS = {"format", "version", "model", "parameters_sha256", "header_sha256"}
TENSOR = "member.{}"
LONGEST, LARGEST = 100_000_000, 2**32
"""Bytes of a header and of a file that are read; safetensors itself has the first limit."""


def write(path: str | os.PathLike[str], document: dict[str, Any], params: Sequence[Any]) -> None:
    """Write a model file, completely or not at all.

    See `eigcore.writing.write_whole`.

    Parameters
    ----------
    path : str or path
    document, params
        As for `content`.

    Raises
    ------
    ModelFileError
        If the file cannot be written, or the document is not JSON.
    """
    data = content(document, params)
    try:
        write_whole(path, data)
    except InvalidInput as exc:
        raise ModelFileError(str(exc)) from exc
    except (OSError, ValueError) as exc:  # ValueError: a name that no file has
        raise ModelFileError(
            f"{_shown(Path(path))} could not be written: {getattr(exc, 'strerror', None) or exc}. "
            "Expected an existing folder with write permission. Check its permissions, or choose "
            "another path."
        ) from exc


def content(document: dict[str, Any], params: Sequence[Any]) -> bytes:
    """Return the bytes of a model file; the same model always gives the same bytes.

    Parameters
    ----------
    document : dict
        JSON values that describe the model.
    params : sequence of float64 arrays
        One per member.

    Raises
    ------
    ModelFileError
        If the document is not JSON, or too long to be read again.
    """
    arrays = [np.ascontiguousarray(p, dtype="<f8") for p in params]
    try:
        text = json_text(document)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ModelFileError(
            f"The model cannot be described in JSON: {exc}. Expected numbers, text, lists and "
            "dicts, all finite, in classes and provenance. Convert them and save again."
        ) from exc
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": text,
        "parameters_sha256": parameters_sha256(arrays),
    }
    header["header_sha256"] = header_sha256(header)
    tensors = {TENSOR.format(m): array for m, array in enumerate(arrays)}
    data = safetensors.numpy.save(tensors, {KEY: json_text(header)})
    if int.from_bytes(data[:8], "little") > LONGEST or len(data) > LARGEST:
        raise ModelFileError(
            f"The model would have {len(data)} bytes, more than can be read: at most {LARGEST}, "
            f"{LONGEST} of them for names, levels and knots. Fit with fewer levels or columns."
        )
    return data


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Read and check a model file.

    Returns
    -------
    document : dict
        As given to `write`.
    params : list of float64 arrays
        One per member, as given to `write`.

    Raises
    ------
    ModelFileError
        If the file is missing, empty, truncated, edited, foreign or of a newer major version; if
        it is no file but a pipe or a device; or if it is longer than the limits. Memory is bounded
        by a small multiple of the length of the file.
    """
    path = Path(os.fsdecode(path))
    header, data = _parts(path)
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise _broken(path, f"its arrays cannot be read: {exc}") from exc
    if header_sha256(header) != header["header_sha256"]:
        raise _broken(path, "its description does not match its checksum")
    if set(tensors) != {TENSOR.format(m) for m in range(len(tensors))}:
        raise _broken(path, f"its arrays are {sorted(tensors)[:5]}, not member.0, member.1 …")
    params = [tensors[TENSOR.format(m)] for m in range(len(tensors))]
    if any(p.dtype != np.float64 for p in params):
        raise _broken(path, f"its arrays are {[str(p.dtype) for p in params]}, not float64")
    if parameters_sha256(params) != header["parameters_sha256"]:
        raise _broken(path, "its parameters do not match their checksum")
    if not all(np.isfinite(p).all() for p in params):
        raise _broken(path, "its parameters are not all finite")
    return _document(path, header["model"]), params


def parameters_sha256(params: Sequence[Any]) -> str:
    """Return the SHA-256 of the shape and little-endian float64 bytes of each array, in hex."""
    digest = hashlib.sha256()
    for array in params:
        array = np.ascontiguousarray(array, dtype="<f8")
        digest.update(repr(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def header_sha256(header: dict[str, str]) -> str:
    """Return the SHA-256 of all fields of the header except this checksum itself, in hex."""
    rest = {key: value for key, value in header.items() if key != "header_sha256"}
    return hashlib.sha256(json_text(rest).encode()).hexdigest()


def json_text(value: Any) -> str:
    """Return JSON in a unique form: sorted keys, no spaces, ASCII, finite numbers."""
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _parts(path: Path) -> tuple[dict[str, str], bytes]:
    """Return our entry of the header, and all bytes of the file, which match it in number."""
    try:
        # not opened before: opening a pipe waits for its other end
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(0, "it is a folder, a device or a pipe")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(9)
            length = _length(path, start, size)
            start += file.read(length - 1)
            header, end = _header(path, start[8:])
            if size != len(start) + end:
                wanted = f"{size} bytes instead of {len(start) + end}"
                raise _broken(path, f"its arrays cannot be read: it has {wanted}")
            return header, start + file.read(end)
    except ModelFileError:
        raise
    except (OSError, ValueError) as exc:  # ValueError: a name that no file has
        raise ModelFileError(
            f"{_shown(path)} could not be read: {getattr(exc, 'strerror', None) or exc}. Expected "
            "a model file made by model.save(path) or `eigcore fit ... -o path`. Check the path."
        ) from exc


def _length(path: Path, start: bytes, size: int) -> int:
    """Return the length of the header of a safetensors file from its first 9 bytes."""
    length = int.from_bytes(start[:8], "little")
    if not start:
        raise _broken(path, "it is empty")
    if start[8:] != b"{":
        raise _foreign(path)
    if length > size - 8:
        raise _broken(path, f"it is cut off: {size} bytes of at least {length + 8}")
    if length > LONGEST or size > LARGEST:
        raise _broken(
            path,
            f"it has {size} bytes, {length} of them in its header; the limits are {LARGEST} and "
            f"{LONGEST}",
        )
    return length


def _header(path: Path, text: bytes) -> tuple[dict[str, str], int]:
    """Return our entry of the header of a safetensors file, and the length of the arrays."""
    try:
        whole = json.loads(text)
        metadata = whole.pop("__metadata__", None)
        if not isinstance(metadata, dict) or KEY not in metadata:
            raise _foreign(path)
        header = json.loads(metadata[KEY])
        end = max((int(array["data_offsets"][1]) for array in whole.values()), default=0)
    except ModelFileError:
        raise
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as exc:
        raise _broken(path, "its header is not JSON of a safetensors file") from exc
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise _foreign(path)
    _check_version(path, str(header.get("version")))
    lost = {field for field in FIELDS if not isinstance(header.get(field), str)}
    if lost:
        raise _broken(path, f"its header lacks {', '.join(sorted(lost))}")
    return header, end


def _check_version(path: Path, version: str) -> None:
    major, _, minor = version.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and len(version) < 20):
        raise _broken(path, f"its format version is {version[:20]!r}, not like {VERSION!r}")
    own = VERSION.partition(".")[0]
    if major != own:
        raise ModelFileError(
            f"{_shown(path)} has format version {version}. Expected version {own}.x, which "
            "this eigcore reads. Type: pip install --upgrade eigcore"
        )


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, TypeError, RecursionError) as exc:
        raise _broken(path, "its description is not JSON") from exc
    if not isinstance(document, dict):
        raise _broken(path, "its description is not a JSON object")
    return document


def no_model(path: str | os.PathLike[str], exc: Exception) -> ModelFileError:
    """Return the error of a file whose description is not that of a model; `exc` says why."""
    reason = repr(exc)
    reason = reason if len(reason) < 500 else f"{reason[:400]}…"
    return ModelFileError(
        f"{_shown(Path(os.fsdecode(path)))} does not describe a model: {reason}. Expected the "
        "fields of docs/model-file.md. Save the model again, or update eigcore if a newer one "
        "wrote the file."
    )


def _shown(path: Path) -> str:
    text = str(path) if str(path).isprintable() else repr(str(path))
    return text if len(text) < 300 else f"{text[:100]}…{text[-100:]}"


def _foreign(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{_shown(path)} is not an eigcore model. Expected a safetensors file made by "
        "model.save(path) or `eigcore fit ... -o path`. Check the path."
    )


def _broken(path: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"{_shown(path)} is damaged or was edited: {what}. Expected the file exactly as "
        "model.save(path) wrote it. Copy it again, or fit and save the model again."
    )
