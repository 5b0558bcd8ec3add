"""What the protocols share: numbers, and how they are counted again when units are drawn for an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from videopose.types import I64

Numbers = Mapping[str, float]
"""A protocol's numbers by name, in the unit its table gives."""

Recount = Callable[[I64], Numbers]
"""Gives the numbers when unit i (a sequence or an image) counts `times[i]` times; (units,) int64 in."""
