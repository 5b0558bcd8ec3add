"""Protocols: which frames, which ignore rule, which table."""
