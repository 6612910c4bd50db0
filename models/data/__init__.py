"""Training data: generated songs, readers of own stems, the library and the mixer."""
