"""Render a take again: the same input, the same console, the same commands at the same samples."""

import io
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido

from plugin_bridge.console import Command
from plugin_bridge.console.trust import write_whole
from plugin_bridge.engine import Engine
from plugin_bridge.errors import AudioFileError, PresetError, SpecError
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.writer import AudioWriter
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.recorder import FORMAT, INPUT, OUTPUT, TAKE
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.model.onnx import Model

EXACT_FRAMES, FAST_FRAMES = 1, 64
CHUNK = 65536
# A beat of a MIDI file has at most so many ticks.
MOST_TICKS = 32767


@dataclass(frozen=True)
class Take:
    """What a recorded session says about itself.

    Attributes
    ----------
    folder : Path
    table : dict, as take.toml holds it

    Notes
    -----
    Thread: [any]
    """

    folder: Path
    table: dict[str, Any]

    @property
    def latency_samples(self) -> int:
        """By how many samples out.wav is late, of those that the bridge adds."""
        return int(self.table["latency_samples"])

    @property
    def exact(self) -> bool:
        """Whether out.wav can be rendered again bit for bit: no miss, on the CPU."""
        complete = not any(self.table[key] for key in ("misses", "skipped_hops", "lost_samples"))
        return complete and self.table["provider"] == "CPUExecutionProvider"

    @property
    def commands(self) -> list[Command]:
        """What was commanded, at absolute input samples."""
        return [Command(c["position"], c["path"], c["value"]) for c in self.table["commands"]]


def load(folder: Path) -> Take:
    """Read a take's description.

    Raises
    ------
    PresetError
        If the folder holds no take; says what is missing.

    Notes
    -----
    Thread: [main]
    """
    path = folder / TAKE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PresetError(
            f"{folder} holds no readable {TAKE}; name a folder that live --record has written"
        ) from error
    if table.get("format") != FORMAT:
        raise PresetError(
            f"{path} has the format {table.get('format')}, this version reads {FORMAT}; install "
            "a newer plugin-bridge"
        )
    return Take(folder, table)


def write_midi(path: Path, messages: Sequence[tuple[int, bytes]], rate: int) -> None:
    """Write what a controller sent; a tick of the file is a sample.

    Parameters
    ----------
    path : Path
    messages : pairs of int and bytes, input sample and message, by time
    rate : int, Hz

    Notes
    -----
    Thread: [main]
    """
    parts = 2
    while rate / parts > MOST_TICKS or rate % parts:
        parts += 1
    file = mido.MidiFile(type=0, ticks_per_beat=rate // parts)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(1e6 / parts))])
    before = 0
    for position, message in messages:
        with suppress(ValueError):  # no message of a file
            track.append(mido.Message.from_bytes(message, time=max(0, position - before)))
            before = max(before, position)
    file.tracks.append(track)
    content = io.BytesIO()
    file.save(file=content)
    write_whole(path, content.getvalue())


def render(take: Take, out: Path, exact: bool, allow_plugins: bool = False) -> Path:
    """Render a take into a folder; the file is as long as the take's input and not late.

    Parameters
    ----------
    take : Take
    out : Path, the folder, which is made if it is not there
    exact : bool
        One frame per call, as live playing does: the samples of out.wav, `latency_samples` early.
    allow_plugins : bool, as for live playing

    Returns
    -------
    path : Path, of the file, with all outputs as channels

    Raises
    ------
    PluginBridgeError
        If the input, the preset or the model is missing or another one than it was.

    Notes
    -----
    Thread: [main]
    """
    table = take.table
    settings = LiveSettings(
        preset=table["preset"] or None,
        model=table["model"]["file"],
        provider="cpu" if exact else "auto",
        allow_plugins=allow_plugins,
        reach=table["reach"],
    )
    desk = Desk(settings)
    model = Model(desk.model, settings.provider)
    if model.sha256 != table["model"]["sha256"]:
        raise PresetError(
            f"{desk.model} is not the model that played {take.folder}; install that one, its "
            f"sha256 is {table['model']['sha256']}"
        )
    reader = AudioReader(take.folder / INPUT)
    if reader.channels != table["channels"] or reader.sample_rate != table["rate"]:
        raise AudioFileError(f"{take.folder / INPUT} is not the take's; copy the folder again")
    consoles = desk.consoles(model.card.stems, reader.channels, table["state"], table["active"])
    engine = Engine(
        model,
        reader.sample_rate,
        consoles,
        channels=reader.channels,
        frames_per_call=EXACT_FRAMES if exact else FAST_FRAMES,
    )
    for command in take.commands:
        engine.send(command)
    path = out / OUTPUT
    if path.resolve() == (take.folder / OUTPUT).resolve():
        raise SpecError(f"--out {out} is the take's own folder; name another, to keep its {OUTPUT}")
    out.mkdir(parents=True, exist_ok=True)
    with AudioWriter(path, reader.sample_rate, engine.outputs, "32f") as writer:
        for chunk in reader.chunks(CHUNK):
            writer.write(engine.push(chunk))
        writer.write(engine.flush())
        writer.commit()
    return path
