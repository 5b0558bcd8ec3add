"""Rounded numbers as text, a whole array at once: what makes writing a long result fast.

The text of a number is that of Python's `repr`. Texts of different lengths stand in arrays of bytes, filled up with
NUL; `lines` puts such arrays side by side and takes the NULs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from videopose.types import F64, I64, U8, Bool

_WHOLE = 10_000
"""Numbers from here up are rare (no image is as wide) and are written one by one."""


def rounded(values: F64, decimals: int) -> F64:
    """Round to decimals, ties to even; a zero has no sign."""
    return np.asarray(np.rint(values * 10.0**decimals) / 10.0**decimals + 0.0)


def decimal_texts(values: F64, decimals: int, end: bytes) -> U8:
    """Write numbers rounded to decimals.

    Args:
        values: any shape (...).
        decimals: 1 to 4.
        end: what comes after each number.

    Returns:
        (..., W) bytes, NUL where a text is shorter than W.
    """
    usual = np.abs(values) < _WHOLE - 1  # False for NaN
    scaled = np.rint(np.where(usual, values, 0.0) * 10**decimals).astype(np.int64)
    whole, part = np.divmod(np.abs(scaled), 10**decimals)
    whole[scaled < 0] += _WHOLE
    texts = np.concatenate([_bytes(_wholes()[whole]), _bytes(_parts(decimals, end)[part])], axis=-1)
    return texts if usual.all() else _with_unusual(texts, ~usual, rounded(values[~usual], decimals), end)


def _with_unusual(texts: U8, where: np.ndarray, values: F64, end: bytes) -> U8:
    """Insert the texts of unusual numbers where they belong, making room if they are long."""
    written = _bytes(np.array([repr(value).encode() + end for value in values.tolist()]))
    width = max(texts.shape[-1], written.shape[-1])
    out = np.zeros((*texts.shape[:-1], width), np.uint8)
    out[..., : texts.shape[-1]] = texts
    out[where] = 0
    out[where, : written.shape[-1]] = written
    return out


def integer_texts(values: I64, end: bytes) -> U8:
    """Write whole numbers, (...) -> (..., W) bytes as `decimal_texts` gives them."""
    texts = _bytes(values.astype(np.bytes_))
    return np.concatenate([texts, fixed_texts(values.shape, end)], axis=-1)


def fixed_texts(shape: tuple[int, ...], text: bytes) -> U8:
    """Write the same text everywhere."""
    return np.broadcast_to(np.frombuffer(text, np.uint8), (*shape, len(text)))


def emptied(texts: U8, where: Bool, end: bytes) -> U8:
    """Remove the texts at some places, but not what comes after them.

    Args:
        texts: (..., W) as the functions above give them.
        where: (...) True = nothing stands there.
        end: what comes after each text.
    """
    if where.any():
        texts = texts.copy()
        texts[where] = 0
        texts[where, : len(end)] = np.frombuffer(end, np.uint8)
    return texts


def chosen_texts(numbers: U8, names: Sequence[str], end: bytes) -> U8:
    """Write names by their numbers, (...) -> (..., W) bytes as `decimal_texts` gives them."""
    return _bytes(np.array([name.encode() + end for name in names])[numbers])


def lines(*columns: U8) -> list[bytes]:
    """Join texts side by side.

    Args:
        columns: (R, ...) each, NUL = nothing; none holds a line break.

    Returns:
        R texts.
    """
    rows = len(columns[0])
    if not rows:
        return []
    flat = [column.reshape(rows, -1) for column in columns]
    whole = np.concatenate([*flat, fixed_texts((rows,), b"\n")], axis=1)
    return whole.tobytes().translate(None, b"\0").split(b"\n")[:-1]


def _bytes(texts: np.ndarray) -> U8:
    """View (...) texts of W bytes as (..., W)."""
    return np.ascontiguousarray(texts)[..., None].view(np.uint8)


@lru_cache
def _wholes() -> np.ndarray:
    """Write what stands before the decimals: `0.`, `1.`, `2.` and so on, then `-0.`, `-1.` and so on."""
    return np.array([f"{sign}{number}.".encode() for sign in ("", "-") for number in range(_WHOLE)])


@lru_cache
def _parts(decimals: int, end: bytes) -> np.ndarray:
    """Write all decimals, without zeros at their end, each followed by `end`."""
    numbers = (f"{number:0{decimals}}".rstrip("0") or "0" for number in range(10**decimals))
    return np.array([number.encode() + end for number in numbers])
