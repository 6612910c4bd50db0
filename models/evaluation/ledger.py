"""Figures that were measured before: a comparison that was stopped goes on where it was.

What was measured is found by its content, the song's samples and the model's file, never by names.
So processes that score different songs may write to one folder.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from models.data.score import STEMS
from models.data.songs import Song
from models.evaluation.metrics import Figures


@dataclass(frozen=True)
class Ledger:
    """A folder of figures, a file for each song and row.

    Attributes
    ----------
    folder : Path
    models : mapping, row -> Path
        The file of the row's model; rows without one are known by their names.

    Notes
    -----
    Thread: [main]
    """

    folder: Path
    models: Mapping[str, Path]

    def find(self, song: Song, row: str) -> Figures | None:
        """Give what was measured, None if nothing was."""
        path = self._path(song, row)
        return Figures(**json.loads(path.read_text())) if path.exists() else None

    def add(self, song: Song, row: str, figures: Figures) -> None:
        """Write down what was measured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(song, row)
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(asdict(figures)))
        aside.replace(path)

    def _path(self, song: Song, row: str) -> Path:
        digest = hashlib.sha256(f"{song.sample_rate}".encode())
        for stem in STEMS:
            digest.update(song.stems[stem].tobytes())
        model = self.models.get(row)
        digest.update(model.read_bytes() if model else row.encode())
        return self.folder / f"{digest.hexdigest()[:32]}.json"
