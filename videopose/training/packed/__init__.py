"""Training from packed crops with everything on the device; needs PyTorch, NumPy and safetensors alone."""
