"""Scores of separations: figures of a song, what they are set beside, tables and pictures."""
