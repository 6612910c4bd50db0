"""Live playing: devices, the stream between callback and worker, the engine's own process."""
