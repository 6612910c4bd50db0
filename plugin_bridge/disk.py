"""Files: written whole or not at all, and told apart by what is in them."""

import hashlib
import os
from pathlib import Path


def digest(path: Path) -> str:
    """Give the sha256 of a file in hexadecimal.

    Notes
    -----
    Thread: [any]
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or as it was before, whatever happens.

    Raises
    ------
    OSError
        If the folder cannot be written.

    Notes
    -----
    Thread: [main]
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
