"""Corrections of a result as a log of operations; the result itself is never touched."""
