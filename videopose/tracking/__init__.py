"""Time, but no streams and no pixels."""
