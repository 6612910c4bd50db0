"""Network architectures, in PyTorch."""
