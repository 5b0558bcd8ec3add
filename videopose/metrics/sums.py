"""Counts and sums that can be merged: those of two sequences add up, field by field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The base of counts whose every field adds up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))
