"""Train the network that tells drum strokes: `python -m models.hits`, five minutes on one core.

It hears generated drum stems, once alone and once with the rest of the song leaking in through a
random equaliser, as it does from a separator; each as it is, and once more at a random level with
random bands in front. Writes plugin_bridge/analysis/weights.py.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from models.data.notes import SECONDS_MERGED, merged, notes_of, strokes
from models.data.songs import generate
from models.data.sound import Floats, Random
from plugin_bridge.analysis.bands import BANDS, FLOOR_DB, Bands
from plugin_bridge.analysis.grid import BASE_RATE, HOP
from plugin_bridge.analysis.network import INPUTS, OUTPUTS, UNITS, HitFeatures, packed
from plugin_bridge.dsp import FloatArray

FIRST_SEED = 5000  # far above those that scores are measured on
LEAK_DB = (-26.0, -6.0)  # of the rest of the song
# Stems are not as loud as the generator makes them: a hat alone may be 20 dB below the song.
GAIN_DB = (-24.0, 3.0)
BANDS_DB = 4.0  # standard deviation of five points of an equaliser
TARGET = Path(__file__).parents[1] / "plugin_bridge" / "analysis" / "weights.py"
HEAD = (
    '"""Weights of network.py as half-precision floats in base64, by `python -m models.hits`."""\n'
)
COLUMNS = 88


def leaking(rng: Random, drums: Floats, rest: Floats) -> Floats:
    """Give drums with the rest of the song behind them, as a separator leaves it there.

    Notes
    -----
    Thread: [any]
    """
    spectrum = np.fft.rfft(rest)
    place = np.linspace(0, 1, spectrum.shape[1]) ** 0.3
    shape = np.interp(place, np.linspace(0, 1, 8), rng.normal(0, 6, 8)) + rng.uniform(*LEAK_DB)
    leak = np.fft.irfft(spectrum * 10 ** (shape / 20), n=rest.shape[1])
    return np.asarray(drums + leak, np.float32)


def levels_of(track: Floats) -> FloatArray:
    """Give the levels of a drum stem (channels, samples) in bands, (hops, bands) in dB.

    Notes
    -----
    Thread: [any]
    """
    return Bands(BASE_RATE, len(track)).push(track[:, : track.shape[1] // HOP * HOP])


def moved(rng: Random, levels: FloatArray) -> FloatArray:
    """Give the levels of the same stem, but quieter or louder and from another equaliser.

    Notes
    -----
    Thread: [any]
    """
    gain = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 5), rng.normal(0, BANDS_DB, 5))
    floor = 10 ** (FLOOR_DB / 10)
    power = (10 ** (levels / 10) - floor).clip(0) * 10 ** ((gain + rng.uniform(*GAIN_DB)) / 10)
    return np.asarray(10 * np.log10(power + floor), np.float32)


def targets(times: dict[str, list[float]], hops: int) -> tuple[FloatArray, FloatArray]:
    """Give what is to be said in each hop, and how much it counts, both (hops, outputs).

    A stroke is to be told in the hop after the one that brings it; its neighbours are free.

    Notes
    -----
    Thread: [any]
    """
    wanted = np.zeros((hops, len(OUTPUTS)), np.float32)
    counts = np.ones_like(wanted)
    for column, name in enumerate(OUTPUTS):
        first = (np.array(times[name]) * BASE_RATE / HOP).astype(int)
        for near in (0, 2, 3):
            counts[np.minimum(first + near, hops - 1), column] = 0
        told = np.minimum(first + 1, hops - 1)
        wanted[told, column] = counts[told, column] = 1
    return wanted, counts


def material(songs: int, seconds: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Give inputs, targets and their weights from generated songs, four versions of each.

    Notes
    -----
    Thread: [main]
    """
    rows: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + songs):
        rng = np.random.default_rng([seed, 1000])
        song = generate(seed, seconds)
        drums = song.stems["drums"]
        times = {
            name: merged(part, SECONDS_MERGED)
            for name, part in strokes(notes_of(seed, seconds).drums).items()
        }
        for track in (drums, leaking(rng, drums, song.mixture - drums)):
            levels = levels_of(track)
            for version in (levels, moved(rng, levels)):
                x = HitFeatures().push(version)
                rows.append((x, *targets(times, len(x))))
        if not (seed + 1 - FIRST_SEED) % 20:
            print(f"{seed + 1 - FIRST_SEED} of {songs} songs", file=sys.stderr, flush=True)
    x, y, w = (torch.from_numpy(np.concatenate(part)) for part in zip(*rows, strict=True))
    return x, y, w


def train(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, steps: int) -> list[FloatArray]:
    """Give the trained matrices and biases.

    Notes
    -----
    Thread: [main]
    """
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, UNITS), torch.nn.ReLU(), torch.nn.Linear(UNITS, len(OUTPUTS))
    )
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for step in range(steps):
        rows = torch.randint(0, len(x), (2048,))
        # A stroke is in one of fifty hops; three times its weight finds quiet ones, too.
        loss = cross_entropy(net(x[rows]), y[rows], weight=w[rows], pos_weight=torch.tensor(3.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if not (step + 1) % 1000:
            print(f"step {step + 1}: loss {loss.item():.4f}", file=sys.stderr, flush=True)
    return [
        parameter.detach().numpy().T.astype(np.float32, order="C") for parameter in net.parameters()
    ]


def write(path: Path, text: str) -> None:
    """Write the weights as a module.

    Notes
    -----
    Thread: [main]
    """
    lines = [text[i : i + COLUMNS] for i in range(0, len(text), COLUMNS)]
    body = "\n".join(f'    "{line}"' for line in lines)
    path.write_text(f"{HEAD}\nWEIGHTS = (\n{body}\n)\n", encoding="ascii")


def main() -> int:
    """Train and write; give the process's exit status.

    Notes
    -----
    Thread: [main]
    """
    parser = argparse.ArgumentParser(prog="python -m models.hits", description=__doc__)
    parser.add_argument("--songs", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=TARGET)
    given = parser.parse_args()
    if min(given.songs, given.steps, given.seconds) < 1:
        parser.error("give at least one song, one step and one second")
    write(given.out, packed(train(*material(given.songs, given.seconds), given.steps)))
    print(f"written to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
