"""What a render is asked to do, and where its results go."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin_bridge import separator
from plugin_bridge.errors import SpecError, hint
from plugin_bridge.names import MIX, PROVIDERS, composed

NI_STEMS = "stem.mp4"
FORMATS = ("wav", "flac", NI_STEMS)
CODECS = ("alac", "aac")
BIT_DEPTHS = ("16", "24", "32f")
# What users call a value whose own name is spelt like another one's.
MEANT = {"gpu": "cuda"}
DEFAULT_DEPTH = {"wav": "32f", "flac": "24", NI_STEMS: "16"}
# An empty value as the shell knows it, where nothing at all would be seen.
EMPTY = '""'
# Not a stem of any model: the mix minus this stem.
ACCOMPANIMENT, LEAD = "accompaniment", "vocals"
# Frames per model call: the exact order of live playing, and the fast one.
EXACT_FRAMES, FAST_FRAMES = 1, 64


@dataclass(frozen=True)
class RenderOptions:
    """What to make of each input.

    Attributes
    ----------
    out : Path, the folder that gets one folder per input
    model : str or Path or None, a name or an .onnx file; None: the preset's, or lastframe
    stems : names, or None for all of the model's; `accompaniment` is the mix minus vocals
    format : `wav`, `flac`, or `stem.mp4`: the mix and four stems in one file for DJ programs
    bit_depth : `16`, `24` or `32f`; None: 32f for wav, 24 for flac, 16 for stem.mp4
    codec : `alac` or `aac`, of a stem.mp4; None: alac
    multichannel : one file of stems * channels channels instead of one file per stem
    exact : one frame per model call, the same bits as live playing; slower
    provider : `auto`, `cpu` or `cuda`
    preset : str or Path or None
        A preset's name or file; what is written then comes from its console: strips and buses
        behind inserts and fader, and `mix`.
    mix : write the console's mix; nothing else, unless `stems` names more
    midi : Path or None, a MIDI file that plays the console
    allow_plugins : load the preset's plugin binaries without a look at the trust list

    Raises
    ------
    SpecError
        If a value is not one of the allowed ones; names them.

    Notes
    -----
    Thread: [any]
    """

    out: Path = Path("stems")
    model: str | Path | None = None
    stems: tuple[str, ...] | None = None
    format: str = "wav"
    bit_depth: str | None = None
    codec: str | None = None
    multichannel: bool = False
    exact: bool = False
    provider: str = "auto"
    preset: str | Path | None = None
    mix: bool = False
    midi: Path | None = None
    allow_plugins: bool = False

    def __post_init__(self) -> None:
        """Check the values that need no model."""
        require("--format", self.format, FORMATS)
        require("--bit-depth", self.depth, BIT_DEPTHS)
        require("--provider", self.provider, PROVIDERS)
        if self.codec is not None:
            require("--codec", self.codec, CODECS)
        if self.format == NI_STEMS:
            _check_ni_stems(self)
        elif self.codec is not None:
            raise SpecError(f"--codec {self.codec} is for --format {NI_STEMS}; leave it out")
        if self.format == "flac" and self.depth == "32f":
            raise SpecError("flac holds 16 or 24 bit, not 32f; use --bit-depth 24 or --format wav")
        if self.stems is not None and not self.stems:
            raise SpecError("--stems names no stem; give e.g. --stems vocals,drums or leave it out")
        if self.allow_plugins and self.preset is None:
            raise SpecError("--allow-plugins is for a preset's plugins; name one with --preset")

    @property
    def depth(self) -> str:
        """The bit depth in use."""
        return self.bit_depth or DEFAULT_DEPTH[self.format]

    @property
    def encoding(self) -> str | None:
        """The codec in use; None where the format has no choice."""
        return self.codec or CODECS[0] if self.format == NI_STEMS else None

    @property
    def console(self) -> bool:
        """Whether the stems go through the console."""
        return self.mix or self.preset is not None or self.midi is not None

    @property
    def frames_per_call(self) -> int:
        """Frames per model call."""
        return EXACT_FRAMES if self.exact else FAST_FRAMES


def _check_ni_stems(options: RenderOptions) -> None:
    if options.multichannel:
        raise SpecError(f"{NI_STEMS} is one file of all stems by itself; leave --multichannel out")
    if options.console:
        raise SpecError(
            f"{NI_STEMS} holds the stems as separated; leave --preset, --mix and --midi out, or "
            "use --format wav"
        )
    if options.depth == "32f":
        raise SpecError(f"{NI_STEMS} holds 16 or 24 bit, not 32f; use one of them or --format wav")
    if options.codec == "aac" and options.bit_depth is not None:
        raise SpecError(
            f"--bit-depth {options.bit_depth}: aac has none; leave it out or use --codec alac"
        )


def require(option: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a value that is not allowed, with the likeliest one that is.

    Raises
    ------
    SpecError
        Always names the option, the value and all allowed ones.

    Notes
    -----
    Thread: [any]
    """
    if value in allowed:
        return
    near = hint(MEANT.get(value.lower(), value.lower()), allowed)
    raise SpecError(f"{option} {value or EMPTY}: {near}allowed: {', '.join(allowed)}")


def choose_stems(wanted: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """Give the names of the stems to write, each once, in the order asked for.

    Parameters
    ----------
    wanted : names or None
        None is all that the model has.
    available : names, the model's stems

    Returns
    -------
    stems : names
        May hold `accompaniment`.

    Raises
    ------
    SpecError
        If a name is not one of the model's; suggests the nearest.

    Examples
    --------
    >>> choose_stems(["vocals", "accompaniment"], ["vocals", "drums"])
    ('vocals', 'accompaniment')

    Notes
    -----
    Thread: [any]
    """
    if wanted is None:
        return tuple(available)
    known = list(available)
    if LEAD in available and ACCOMPANIMENT not in available:
        known.append(ACCOMPANIMENT)
    return separator.choose_stems(known, tuple(dict.fromkeys(wanted)))


def choose_sources(options: RenderOptions, channels: Sequence[str]) -> tuple[str, ...]:
    """Give the names of what to write from the console, each once, in the order asked for.

    Parameters
    ----------
    options : RenderOptions
    channels : names of the console's strips and buses

    Returns
    -------
    sources : names
        Without a choice all strips and buses, and `mix`.

    Raises
    ------
    SpecError
        If a name is not on the console; suggests the nearest.

    Examples
    --------
    >>> choose_sources(RenderOptions(mix=True, stems=("drums",)), ["vocals", "drums"])
    ('drums', 'mix')

    Notes
    -----
    Thread: [any]
    """
    known = (*channels, MIX)
    if options.stems is None:
        return (MIX,) if options.mix else known
    if ACCOMPANIMENT in options.stems and ACCOMPANIMENT not in known:
        raise SpecError(
            f"{ACCOMPANIMENT} is not on the console; take --preset karaoke --mix, or leave "
            "--preset, --mix and --midi out"
        )
    wanted = [*options.stems, MIX] if options.mix else options.stems
    return separator.choose_stems(known, tuple(dict.fromkeys(wanted)))


def folder_names(inputs: Sequence[Path]) -> list[str]:
    """Give each input its own folder name: its name without extension, numbered where taken.

    Parameters
    ----------
    inputs : paths

    Returns
    -------
    names : list of str, one per input
        `song`, then `song-2`, `song-3` in the order given. Neither case nor Unicode's form tells
        names apart, as on some file systems.

    Examples
    --------
    >>> folder_names([Path("a/song.wav"), Path("b/Song.mp3"), Path("other.wav")])
    ['song', 'Song-2', 'other']

    Notes
    -----
    Thread: [any]
    """
    taken: set[str] = set()
    names = []
    for path in inputs:
        # "...wav" has the stem "..", which is no folder of its own
        stem = path.stem.strip(".") or "input"
        name, number = stem, 1
        while composed(name).casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(composed(name).casefold())
        names.append(name)
    return names
