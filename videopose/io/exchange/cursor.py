"""Walk through a parsed JSON file and say exactly where it breaks its format: file, entry and key."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from videopose.errors import DatasetError
from videopose.types import F64

Json = Any
"""A parsed JSON value: its kind is what a `Cursor` checks, hence `Any`."""

_MAX_ID = 2**62
_MAX_NUMBER = 10**38
"""Larger ones are no positions, and become infinite as numbers of single precision."""


class Cursor:
    """A value inside a JSON file together with the way to it.

    Attributes:
        file: as the user gave it.
        where: the way from the top, such as `annotations[3].keypoints`; "" at the top.
        value: what stands there.
    """

    __slots__ = ("file", "value", "where")

    def __init__(self, file: str, where: str, value: Json) -> None:
        self.file, self.where, self.value = file, where, value

    def fail(self, message: str) -> NoReturn:
        """Raise a `DatasetError` that starts with the file and the way to this value."""
        place = f"{self.file}: {self.where}" if self.where else self.file
        raise DatasetError(f"{place} {message}")

    def key(self, name: str) -> Cursor:
        """Read a mapping's value.

        Raises:
            DatasetError: this is no mapping, or it has no such key.
        """
        found = self.get(name)
        if found is None:
            self.fail(f"has no key {name!r}; the format needs it")
        return found

    def get(self, name: str) -> Cursor | None:
        """Read a mapping's value; None if the key is absent or null.

        Raises:
            DatasetError: this is no mapping.
        """
        if not isinstance(self.value, dict):
            self.fail(f"is {_kind(self.value)}; a mapping with {name!r} is needed")
        value = self.value.get(name)
        return None if value is None else Cursor(self.file, f"{self.where}.{name}" if self.where else name, value)

    def items(self) -> Iterator[Cursor]:
        """Iterate over a list.

        Raises:
            DatasetError: this is no list.
        """
        if not isinstance(self.value, list):
            self.fail(f"is {_kind(self.value)}; a list is needed")
        for position, value in enumerate(self.value):
            yield Cursor(self.file, f"{self.where}[{position}]", value)

    def single(self) -> Cursor:
        """Read the only entry of a list (PoseTrack 2017 wraps every number in one).

        Raises:
            DatasetError: this is not a list of exactly one entry.
        """
        if not isinstance(self.value, list) or len(self.value) != 1:
            self.fail(f"is {_kind(self.value)}; a list of exactly one entry is needed")
        return Cursor(self.file, f"{self.where}[0]", self.value[0])

    def number(self) -> float:
        """Read a finite number.

        Raises:
            DatasetError: this is something else.
        """
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(f"is {_kind(value)}; a number is needed")
        if isinstance(value, int) and abs(value) > _MAX_NUMBER:
            self.fail(f"is a whole number of {len(str(abs(value)))} digits; a number is needed")
        if not math.isfinite(value):
            self.fail(f"is {value}; a finite number is needed")
        if abs(value) > _MAX_NUMBER:
            self.fail(f"is {value:g}; a number of an image's size is needed")
        return float(value)

    def truth(self) -> bool:
        """Read a yes or no: true, false, 0 or 1.

        Raises:
            DatasetError: this is something else.
        """
        if isinstance(self.value, bool):
            return self.value
        if self.number() not in (0, 1):
            self.fail(f"is {self.value}; 0, 1, false or true is needed")
        return bool(self.value)

    def integer(self) -> int:
        """Read a whole number; 3.0 will do, "3" will not.

        Raises:
            DatasetError: this is something else.
        """
        value = self.number()
        if value != int(value) or abs(value) > _MAX_ID:
            self.fail(f"is {self.value}; a whole number is needed")
        return int(self.value)

    def text(self) -> str:
        """Read a string.

        Raises:
            DatasetError: this is something else.
        """
        if not isinstance(self.value, str):
            self.fail(f"is {_kind(self.value)}; a string is needed")
        return self.value

    def numbers(self, count: int) -> F64:
        """Read a list of exactly `count` finite numbers.

        Raises:
            DatasetError: this is something else; the first wrong entry is named.
        """
        if not isinstance(self.value, list):
            self.fail(f"is {_kind(self.value)}; a list of {count} numbers is needed")
        if len(self.value) != count:
            self.fail(f"has {len(self.value)} entries; {count} are needed")
        if not all(type(value) is float or (type(value) is int and abs(value) < _MAX_NUMBER) for value in self.value):
            return np.array([entry.number() for entry in self.items()], np.float64)
        array = np.array(self.value, np.float64)
        if not (np.abs(array) <= _MAX_NUMBER).all():  # nor for NaN
            for entry in self.items():
                entry.number()
        return array


def read_json(path: Path) -> Cursor:
    """Parse a JSON file.

    Raises:
        DatasetError: the file cannot be read or is not JSON; line and column are named.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        return Cursor(str(path), "", json.loads(text))
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"{path}: not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}); is the file cut off?"
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{path}: not JSON text ({type(error).__name__}); is this the right file?") from error
    except ValueError as error:  # whole numbers beyond Python's digit limit
        raise DatasetError(f"{path}: not usable JSON ({error})") from error


def text_of(content: bytes, errors: str = "strict") -> str:
    """Decode a text file: UTF-8, or what its byte order mark says; the mark itself is dropped.

    Args:
        content: of the file.
        errors: as of `bytes.decode`.

    Raises:
        UnicodeDecodeError: it is no such text.
    """
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig", errors)


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {value!r}" if len(value) <= 40 else f"a string of {len(value)} characters"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "a mapping" if isinstance(value, dict) else f"the number {value}"
