"""Runs of many videos, by several workers: what is to be done, who does it, and what is left after a failure."""
