"""Scoring protocols: which frames and people count, by which rule. Each module in `NAMES` offers its `PROTOCOL`."""

NAMES = ("boxes", "coco", "mot", "pck", "pcp", "posetrack")
"""The modules that are protocols; the others are what protocols share."""
