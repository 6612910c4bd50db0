"""Audio devices behind one protocol."""
