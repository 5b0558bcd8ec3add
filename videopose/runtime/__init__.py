"""What runs a network: torch, ONNX Runtime, OpenVINO, and the workers that share the processor."""
