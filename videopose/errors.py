"""The one exception family. Everything a user can act on derives from `VideoPoseError`.

A message says what (with the value), where (file and key, frame, stage) and what to do. The second, built-in base
of each kind lets callers who know only Python catch it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class VideoPoseError(Exception):
    """Anything a user can act on."""


class InputError(VideoPoseError, ValueError):
    """A value the caller passed cannot be used."""


class AlreadyFinishedError(InputError):
    """The wanted result is there, made by the very same command: nothing is left to do."""


class InUseError(InputError):
    """Another run is at work on it; later it may be free."""


class ShapeError(InputError):
    """An array does not have the shape its role needs.

    Attributes:
        actual: the shape that was given.
        expected: the shape that is needed; None means any length.
    """

    def __init__(self, name: str, actual: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
        wanted = ", ".join("any" if length is None else str(length) for length in expected)
        super().__init__(f"{name} has shape {actual}, but ({wanted}) is needed")
        self.actual = actual
        self.expected = expected


class ConfigError(VideoPoseError, ValueError):
    """A config file or an override is wrong."""


class UnknownNameError(VideoPoseError, LookupError):
    """There is no model, recipe, config, skeleton or protocol of that name."""


class VideoError(VideoPoseError, OSError):
    """A video cannot be opened or decoded."""

    def __str__(self) -> str:  # OSError would format (errno, strerror); ours is one sentence
        return str(self.args[0]) if self.args else ""


class WeightsError(VideoPoseError, OSError):
    """Weights are missing, damaged, or do not fit the model."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class DatasetError(VideoPoseError, ValueError):
    """Annotations or results break their own format."""


def check_shape(name: str, array: Any, *expected: int | None) -> None:
    """Raise `ShapeError` unless `array` has the expected shape.

    Args:
        name: what the array is, as the caller would say it (`Poses.keypoints`).
        array: anything with a `shape`: an ndarray or a tensor (hence `Any`).
        expected: one length per axis; None accepts any.

    Raises:
        ShapeError: the number of axes or one of the lengths differs.
    """
    actual = tuple(array.shape)
    if len(actual) == len(expected):  # a loop, because this is asked of every array of every frame
        for have, want in zip(actual, expected, strict=True):
            if want is not None and want != have:
                break
        else:
            return
    raise ShapeError(name, tuple(int(length) for length in actual), expected)


def check_dtype(name: str, array: Any, dtype: Any) -> None:
    """Raise `InputError` unless `array` holds numbers of one type.

    Args:
        name: what the array is, as the caller would say it (`Poses.keypoints`).
        array: anything with a `dtype` (hence `Any`).
        dtype: what numpy takes for one, such as `np.float32`.

    Raises:
        InputError: the array is of another type.
    """
    if array.dtype != dtype:
        wanted = dtype.__name__
        raise InputError(f"{name} is {array.dtype}, but {wanted} is needed; use .astype(np.{wanted})")


def nearest_name(word: str, known: Iterable[str]) -> str:
    """Return a "did you mean" sentence for an unknown word, or the list of known ones.

    Example:
        >>> nearest_name("max_agee", ["max_age", "min_hits"])
        'Did you mean max_age?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Known: {', '.join(names)}." if names else "None is known."
