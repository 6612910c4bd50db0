"""What one listener saved."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from models.listening.key import SCALES, Code, Format, Key, Table, parsed

LOWEST, HIGHEST = 0, 100
Rating = Annotated[float, Field(ge=LOWEST, le=HIGHEST, allow_inf_nan=False)]


class Listener(Table):
    """Who listened.

    Attributes
    ----------
    name : as typed in, may be empty, and be another when the listener saves again
    seed : their number: tells listeners apart, and gives the order of sounds and trials
    """

    name: str
    seed: int = Field(ge=0)

    def __str__(self) -> str:
        return f"{self.name} ({self.seed})" if self.name else str(self.seed)


class Ratings(Table):
    """The whole file.

    Attributes
    ----------
    format : of the file, 1
    test : code of the test
    listener : Listener
    saved : when, as the browser's clock told
    ratings : trial -> condition's code -> scale -> 0 to 100; what was not rated is not there
    """

    format: Format
    test: str
    listener: Listener
    saved: str
    ratings: dict[Code, dict[Code, dict[str, Rating]]]


def read(path: Path, key: Key) -> Ratings:
    """Read a listener's file.

    Raises
    ------
    ValueError
        If it is no file of ratings, of another test, or with codes that the key does not know:
        one sentence with its name.

    Notes
    -----
    Thread: [any]
    """
    found = parsed(path, Ratings, "a file that the page has saved")
    if found.test != key.test:
        raise ValueError(
            f"{path} is of test {found.test!r}, the key of {key.test!r}; give the key that was "
            "written with that page"
        )
    for trial, sounds in found.ratings.items():
        if trial not in key.trials:
            raise ValueError(_unknown(path, "trial", trial))
        for code, scales in sounds.items():
            if code not in key.trials[trial].conditions:
                raise ValueError(_unknown(path, f"sound of trial {trial}", code))
            for scale in scales:
                if scale not in SCALES:
                    raise ValueError(
                        f"{path} rates {scale!r}, the scales are {', '.join(SCALES)}; give the "
                        "file as the page saved it"
                    )
    if not any(scales for sounds in found.ratings.values() for scales in sounds.values()):
        raise ValueError(f"{path} holds no rating; leave it out, or let the listener go on")
    return found


def _unknown(path: Path, what: str, code: str) -> str:
    return f"{path} has a {what} {code!r} that the key lacks; give the file as the page saved it"


def together(paths: list[Path], key: Key) -> tuple[list[Ratings], list[str]]:
    """Read the files of several listeners.

    Returns
    -------
    ratings : list of Ratings
        Those that can be used.
    refused : list of str
        A sentence for each that cannot be. A listener who is there already is one of them.

    Notes
    -----
    Thread: [any]
    """
    good: dict[int, tuple[Path, Ratings]] = {}
    refused = []
    for path in paths:
        try:
            found = read(path, key)
        except ValueError as error:
            refused.append(str(error))
            continue
        number = found.listener.seed
        if number in good:
            refused.append(
                f"{path} is of listener number {number}, as is {good[number][0]}, which is used; "
                "give each listener's last file only, or, if two had that number, change the seed "
                "in the file of one"
            )
        else:
            good[number] = path, found
    return [found for _, found in good.values()], refused
