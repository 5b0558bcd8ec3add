"""Whole tracks in, cleaner tracks out: swaps repaired, outliers rejected, gaps filled, jitter smoothed."""
