"""The beginning of a file, by which each format says whether the file is its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from videopose.errors import DatasetError
from videopose.io.exchange.cursor import text_of

_LENGTH = 65536
_NO_TEXT = (".parquet", ".csv", ".mat")
"""Endings that tell enough; such a file is not opened here."""


@dataclass(frozen=True)
class Head:
    """A file of unknown format; it is opened when its text is first asked for.

    Attributes:
        path: of the file.

    Raises:
        DatasetError: the file cannot be read, by everything but `suffix` and `is_text`.
    """

    path: Path

    @property
    def suffix(self) -> str:
        """Ending in small letters, as `.json`."""
        return self.path.suffix.lower()

    @property
    def is_text(self) -> bool:
        """Whether the ending leaves open what the file is, so that its text must tell."""
        return self.suffix not in _NO_TEXT

    @property
    def is_json(self) -> bool:
        """Whether the text begins as JSON's objects and lists do."""
        return self.is_text and self.text.lstrip()[:1] in ("{", "[")

    @property
    def is_list(self) -> bool:
        """Whether the text begins as a JSON list."""
        return self.is_text and self.text.lstrip()[:1] == "["

    @cached_property
    def text(self) -> str:
        """The first 64 KiB; bytes that are no text are replaced."""
        try:
            with self.path.open("rb") as file:
                return text_of(file.read(_LENGTH), errors="replace")
        except OSError as error:
            raise DatasetError(f"{self.path}: cannot be read: {error.strerror or error}") from error

    @cached_property
    def whole(self) -> str:
        """The whole text, where the beginning does not tell enough."""
        return text_of(self.path.read_bytes(), errors="replace")

    def mentions(self, *keys: str) -> bool:
        """Check whether the beginning is JSON that holds one of these strings."""
        return self.is_json and any(f'"{key}"' in self.text for key in keys)
