"""Protocols of scoring: which frames and people count, which ignore rules hold; formulas are in `videopose.metrics`."""
