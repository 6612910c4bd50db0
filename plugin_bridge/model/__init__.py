"""Models: the card, the ONNX runtime, where files are found, and what each kind does."""
