"""Decoders behind one reader: PyAV, OpenCV, decord, folders of images."""
