"""Render a take again: the same input, the same console, the same commands at the same samples."""

import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin_bridge.console import Command
from plugin_bridge.disk import digest
from plugin_bridge.engine import Engine
from plugin_bridge.errors import AudioFileError, PluginBridgeWarning, PresetError, SpecError
from plugin_bridge.files.options import EXACT_FRAMES, FAST_FRAMES
from plugin_bridge.files.reader import AudioReader
from plugin_bridge.files.writer import AudioWriter, reason
from plugin_bridge.live.control import POSITION
from plugin_bridge.live.desk import Desk
from plugin_bridge.live.parts import FORMAT, INPUT, MIDI, OUTPUT, TAKE, part, sound
from plugin_bridge.live.settings import LiveSettings
from plugin_bridge.model.onnx import Model
from plugin_bridge.names import composed

CHUNK = 65536


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
        # Where a song stood still or jumped, its separator knew more than input.wav tells.
        complete = complete and not any(self.table.get("song", {}).values())
        return complete and self.table["provider"] == "CPUExecutionProvider"

    @property
    def commands(self) -> list[Command]:
        """What was commanded, at absolute input samples."""
        return [
            Command(c["position"], composed(c["path"]), c["value"])
            for c in self.table["commands"]
            if c["path"] != POSITION  # input.wav has the song as it was played
        ]

    @property
    def notes(self) -> list[str]:
        """What somebody who renders it should know, one sentence each."""
        found = []
        if self.table.get("cut_off"):
            seconds = self.table["samples"] / self.table["rate"]
            found.append(f"{self.folder} was cut off after {seconds:.1f} s: its engine was ended")
        midi = self.folder / MIDI
        if midi.exists() and digest(midi) != self.table.get("midi_sha256", digest(midi)):
            found.append(
                f"{midi} was changed after the recording; --take plays the commands of {TAKE}, "
                f"from keys and MIDI alike. To hear the new MIDI: plugin-bridge render "
                f"{self.folder / INPUT} --midi {midi} --mix, with the --preset"
            )
        return found


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
        being_recorded = part(folder, TAKE).exists()
    except OSError as error:
        raise PresetError(f"{folder} cannot be read: {reason(error)}") from error
    if being_recorded:
        raise PresetError(
            f"{folder} is still being recorded, or the machine stopped meanwhile; its sound is in "
            f"{sound(folder, INPUT)} and {sound(folder, OUTPUT)}, which most programs can read"
        )
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
    if engine.ignored_commands:
        warnings.warn(
            f"{take.folder / TAKE}: {engine.ignored_commands} of {len(take.commands)} commands "
            "could not be followed: the preset that was active has no such control, or it takes no "
            f"such value; see whether the preset or {TAKE} was changed",
            PluginBridgeWarning,
            stacklevel=2,
        )
    return path
