"""Read large, regular JSON in columns. Whatever is not perfectly regular is left to a reader that walks the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from videopose.types import F64, I64


class IrregularError(Exception):
    """The columns do not have the plain shape; walk the file instead."""


def read(path: Path, key: str) -> pa.Array:
    """Read the value of a key of the file's only mapping.

    Raises:
        IrregularError: the file holds something else.
        ArrowException: the file is not JSON that Arrow can put in columns.
    """
    size = path.stat().st_size
    options = pa_json.ReadOptions(use_threads=False, block_size=max(size + 1, 1 << 16))
    whole = pa_json.read_json(path, read_options=options)
    if whole.num_rows != 1 or key not in whole.column_names:
        raise IrregularError
    return whole[key].combine_chunks()


def flat(array: pa.Array) -> pa.Array:
    """Return the entries of all lists one after the other.

    Raises:
        IrregularError: these are not lists of mappings, or one is null.
    """
    if not pa.types.is_list(array.type) or not pa.types.is_struct(array.type.value_type) or array.null_count:
        raise IrregularError
    flat = array.flatten()
    if flat.null_count:
        raise IrregularError
    return flat


def field(parent: pa.StructArray, name: str) -> pa.Array:
    """Return the values of a key.

    Raises:
        IrregularError: no row has that key.
    """
    if not pa.types.is_struct(parent.type) or parent.type.get_field_index(name) < 0:
        raise IrregularError
    return parent.field(name)


def given(parent: pa.StructArray, name: str) -> I64:
    """Return the rows that have a key."""
    if parent.type.get_field_index(name) < 0:
        return np.zeros(0, np.int64)
    return np.flatnonzero(parent.field(name).is_valid().to_numpy(zero_copy_only=False))


def children(parent: pa.StructArray, name: str, *, required: bool = False) -> tuple[pa.Array, I64]:
    """Return the entries of a list field of every row, flat, and the row each belongs to.

    Raises:
        IrregularError: the field holds something else, or a row lacks it although it is required.
    """
    column = field(parent, name)
    if not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        raise IrregularError
    if required and column.null_count:
        raise IrregularError
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    flat = column.flatten()
    if flat.null_count:
        raise IrregularError
    return flat, np.repeat(np.arange(len(lengths)), lengths)


def single(parent: pa.StructArray, name: str, *, optional: bool = False, missing: float = np.nan) -> F64:
    """Return a number per row out of a field that wraps each in a list of one.

    Raises:
        IrregularError: the field holds something else, or a row lacks it although it is not optional.
    """
    if optional and (len(parent) == 0 or parent.type.get_field_index(name) < 0):
        return np.full(len(parent), missing)
    column = field(parent, name)
    if not pa.types.is_list(column.type) or not (
        pa.types.is_integer(column.type.value_type) or pa.types.is_floating(column.type.value_type)
    ):
        raise IrregularError
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.flatten()
    lengths = pc.list_value_length(column).drop_null().to_numpy(zero_copy_only=False)
    if values.null_count or (lengths != 1).any() or not (optional or valid.all()):
        raise IrregularError
    out = np.full(len(parent), missing, np.float64)
    out[valid] = values.to_numpy(zero_copy_only=False)
    if not np.isfinite(out[valid]).all():
        raise IrregularError
    return out
