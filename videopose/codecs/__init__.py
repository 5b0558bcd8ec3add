"""Keypoints to heatmaps and back: encode and decode together."""
