"""Tensor operators PyTorch lacks."""
