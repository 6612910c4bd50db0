"""ResUNetDecouple: its counts, its transform, training by targets, files that run everywhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pedalboard.io import AudioFile
from torch import Tensor, nn

from models import checkpoints
from models.architectures import ARCHITECTURES
from models.batches import Batch, draw
from models.configuration import ResUNetNetwork
from models.data.library import Library
from models.data.mixing import Mixer
from models.evaluation.energies import sdr
from models.export import export, segment_card, write_segment
from models.heads import made as by_head
from models.losses import LOSSES, members, resolved
from models.train import train
from models.trainer import judge
from models.zoo.centred import Centred
from models.zoo.fourier import Fourier
from models.zoo.resunet import TRANSFORM, ResUNet, Segment
from plugin_bridge import Separator
from plugin_bridge.files.options import RenderOptions
from plugin_bridge.files.render import render
from plugin_bridge.model.onnx import Model
from plugin_bridge.testing import noise
from tests.workshop.conftest import Configure

TEXTS: dict[str, Any] = {"name": "x", "version": "1", "license": "x", "trained_on": "nothing"}
PAIR = ("vocals", "accompaniment")
SMALL: dict[str, Any] = {"widths": (2, 4), "units": 1, "centres": 1}
SHORT: dict[str, Any] = {"n_fft": 256, "hop": 63}
# float32 sums of a few thousand products, in another order
ROUNDING = 2e-6


def network(**sizes: Any) -> ResUNet:
    """Make a network with weights and statistics of chance."""
    torch.manual_seed(0)
    made = ResUNet(**SMALL | SHORT | sizes).eval()
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 2)
    return made


def test_the_full_size_has_143_convolutions() -> None:
    """And 102,571,278 parameters; the 1x1 convolutions of shortcuts are not counted as layers."""
    with torch.device("meta"):
        full = ARCHITECTURES["resunet"](ResUNetNetwork(architecture="resunet").sizes).build()
    assert sum(p.numel() for p in full.parameters()) == 102_571_278
    shortcuts = {m.shortcut for m in full.modules() if hasattr(m, "shortcut")}
    layers = [
        m
        for m in full.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d) and m not in shortcuts
    ]
    assert len(layers) == 143
    assert full.head == "decoupled"


@pytest.mark.parametrize(("units", "layers"), [(1, 41), (2, 75)])
def test_shallow_ones_lack_whole_units(units: int, layers: int) -> None:
    """Two convolutions for each residual unit of 17 blocks, six on the way up, one at the end."""
    made = ResUNet(widths=(2,) * 6, units=units, centres=4)
    kinds = [m for m in made.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    shortcuts = sum(hasattr(m, "shortcut") and isinstance(m.shortcut, nn.Conv2d)
                    for m in made.modules())  # fmt: skip
    assert len(kinds) - shortcuts == layers == 17 * 2 * units + 6 + 1


@pytest.mark.parametrize("frames", [1, 4, 7, 33])
@pytest.mark.parametrize("targets", [("vocals",), ("drums", "bass", "other")])
def test_any_number_of_frames(frames: int, targets: tuple[str, ...]) -> None:
    """The maps are as long as what came in; the top bin's are nothing."""
    made = network(targets=targets)
    with torch.no_grad():
        raw = made(torch.rand(2, 2, frames, 129))
    assert raw.shape == (2, len(targets) * 2 * 4, frames, 129)
    assert raw[..., -1].abs().max() == 0 < raw[..., :-1].abs().min()


@pytest.mark.parametrize(("n_fft", "hop"), [(2048, 441), (64, 16), (64, 21), (128, 63)])
@pytest.mark.parametrize("samples", [2048, 4410, 5000])
def test_a_centred_transform_gives_its_input_back(n_fft: int, hop: int, samples: int) -> None:
    """And has the spectra of torch.stft, for hops that no frame is a multiple of, too."""
    transform, generator = Centred(n_fft, hop), torch.Generator().manual_seed(0)
    waves = torch.rand(2, samples, generator=generator) - 0.5
    spectra = transform.spectra(waves)
    window = torch.hann_window(n_fft)
    wanted = torch.stft(waves, n_fft, hop, window=window, return_complex=True).transpose(1, 2)
    torch.testing.assert_close(spectra, wanted, rtol=0, atol=ROUNDING * n_fft)
    torch.testing.assert_close(transform.waves(spectra, samples), waves, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("n_fft", [16, 60, 64, 2048])
def test_the_transform_of_the_graph(n_fft: int) -> None:
    """From matrices alone: numpy's spectra in float64, and back."""
    frames = np.random.default_rng(0).standard_normal((2, 3, n_fft))
    fourier = Fourier(n_fft)
    re, im = fourier(torch.from_numpy(frames).float())
    wanted = np.fft.rfft(frames)
    np.testing.assert_allclose(re + 1j * im, wanted, atol=ROUNDING * np.abs(wanted).max())
    np.testing.assert_allclose(fourier.back(re, im), frames, atol=ROUNDING * n_fft**0.5)


def apart(made: ResUNet, mix: Tensor) -> Tensor:
    """Separate with complex numbers and torch's own transform."""
    n_fft, hop = made.transform.n_fft, made.transform.hop
    window = torch.hann_window(n_fft)
    options: dict[str, Any] = {"n_fft": n_fft, "hop_length": hop, "window": window}
    x = torch.stft(mix, **options, return_complex=True).transpose(1, 2)[None]
    raw = made(x.abs()).unflatten(1, (len(made.targets), 2, -1))
    y = by_head(made.head, raw, x)
    y = y if y.is_complex() else y * x.unsqueeze(1)
    back = torch.istft(y.flatten(0, 2).transpose(1, 2), **options, length=mix.shape[1])
    return back.reshape(len(made.targets), 2, -1)


@pytest.mark.parametrize("head", ["sigmoid", "complex", "phase", "decoupled"])
def test_a_segment_has_its_transform_inside(head: str) -> None:
    """Real arithmetic on samples gives what complex spectra give."""
    made = network(head=head, targets=PAIR)
    mix = torch.from_numpy(noise(0.1))
    with torch.no_grad():
        found, wanted = Segment(made)(mix[None])[0], apart(made, mix)
    assert wanted.abs().max() > 1e-2
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-5 * float(wanted.abs().max()))


def test_a_mask_of_one_is_the_mix() -> None:
    """Up to the last sample; only the top bin is left out, as it has no direction."""
    made = network()
    with torch.no_grad():
        made.out.weight.zero_()
        made.out.bias.copy_(torch.tensor([40.0, 1.0, 0.0, 0.0] * 2))
        time = torch.arange(3_000) / 44100
        mix = torch.stack([torch.sin(2 * torch.pi * 440 * time), torch.cos(5000 * time)])
        found = Segment(made)(mix[None])[0, 0]
    torch.testing.assert_close(found, mix, rtol=0, atol=1e-3)


def test_silence_stays_silent() -> None:
    """Whatever the direct magnitude says: without a phase there is nothing."""
    made = network()
    with torch.no_grad():
        made.out.bias.fill_(3.0)
        assert Segment(made)(torch.zeros(1, 2, 900)).abs().max() == 0


def test_targets_are_sums_of_stems() -> None:
    """Vocals and accompaniment, in the order they are asked for, with the loss of either."""
    torch.manual_seed(0)
    stems = torch.complex(*(torch.randn(1, 4, 2, 8, 1025) for _ in range(2)))
    batch = Batch(stems, stems.sum(1))
    whole = ARCHITECTURES["resunet"]({"targets": PAIR[::-1]})
    true = torch.stack([stems[:, 1:].sum(1), stems[:, 0]], 1)
    judged = judge(batch, true, whole)
    torch.testing.assert_close(judged.stems, true)
    assert float(LOSSES["waveform_l1"](judged)) < 1e-6
    assert float(LOSSES["snr"](judged)) < -24  # the floor is 30 dB below the mix
    assert float(LOSSES["waveform_l1"](judge(batch, true.flip(1), whole))) > 0.3


def test_partial_labels_know_some_targets() -> None:
    """An accompaniment as one sum teaches itself and the vocals, not the bass within it."""
    groups = torch.zeros(2, 4, 4)
    groups[0] = torch.eye(4)
    groups[1, 0, 0] = groups[1, 1, 1:] = 1
    rows = members(["vocals", "accompaniment", "bass"])
    assert resolved(groups, rows).tolist() == [[1, 1, 1], [1, 1, 0]]


def test_a_real_mask_of_one_target_is_judged_like_its_spectra() -> None:
    """The losses are the same for a mask and for the spectra that it makes."""
    torch.manual_seed(0)
    stems = torch.complex(*(torch.randn(2, 4, 2, 8, 1025) for _ in range(2)))
    batch = Batch(stems, stems.sum(1))
    whole = ARCHITECTURES["resunet"]({"targets": PAIR})
    masks = torch.rand(2, 2, 2, 8, 1025)
    for name in ("snr", "banded_snr", "waveform_l1"):
        losses = [
            float(LOSSES[name](judge(batch, each, whole)))
            for each in (masks, masks * batch.mix.unsqueeze(1))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.fixture
def best(configure: Configure, tmp_path: Path) -> Path:
    """Train a pair for some steps."""
    wanted = configure(
        network={"architecture": "resunet", "targets": PAIR, **SMALL},
        loss={"terms": {"waveform_l1": 1.0}, "late_terms": {"waveform_l1": 1.0}},
        schedule={"shape": "steps", "decay_steps": 3, "optimizer": "amsgrad", "weight_decay": 0},
        data={"mix_audio": 1.0},
    )
    assert train(wanted)
    return wanted.run.out / "best.pt"


def test_steps_on_one_batch_lower_its_loss(library: Path) -> None:
    """The gradient of the loss on waves reaches all of the network."""
    torch.manual_seed(0)
    whole = ARCHITECTURES["resunet"]({"targets": PAIR, **SMALL})
    batch = draw(Mixer(Library.open(library), seed=1), 1, 8, hearing=whole.hearing)
    made = whole.build()
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        spectra = whole.masks(made, whole.inputs(batch), batch.mix)
        loss = LOSSES["waveform_l1"](judge(batch, spectra, whole))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in made.parameters())


def test_a_file_for_everybody(best: Path, tmp_path: Path) -> None:
    """The exported pair separates in the bridge, in any blocks, and as whole songs with render."""
    assert set(checkpoints.load(best)["scores"]) == {*PAIR, "mean"}
    path = tmp_path / "pair.onnx"
    export(best, path, seconds=0.5)
    model = Model(path, "cpu")
    assert (model.card.kind, model.card.stems) == ("segment", PAIR)
    assert (model.card.segment, model.card.overlap) == (22050, 0.5)
    mix = noise(1.2)
    whole = separated(model, mix)
    stream = Separator(model)
    parts = [stream.push(mix[:, i : i + 700]) for i in range(0, mix.shape[1], 700)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()], axis=-1), whole)
    with AudioFile(str(tmp_path / "song.wav"), "w", 44100, 2, bit_depth=32) as file:
        file.write(mix)
    render(tmp_path / "song.wav", RenderOptions(tmp_path / "out", model=path))
    for stem, wanted in zip(PAIR, whole, strict=True):
        with AudioFile(str(next((tmp_path / "out").rglob(f"{stem}.wav")))) as written:
            np.testing.assert_array_equal(written.read(written.frames), wanted)


def separated(model: Model, mix: Any) -> Any:
    """Give the stems of a whole signal."""
    stream = Separator(model)
    return np.concatenate([stream.push(mix), stream.flush()], axis=-1)


def test_one_target_and_the_rest(tmp_path: Path) -> None:
    """A network of vocals alone gives an accompaniment too: what the mix has beside them."""
    made = network()
    card = segment_card(made, 0.2, rest="accompaniment", **TEXTS)
    write_segment(made, card, tmp_path / "one.onnx")
    mix = noise(0.3)
    stems = separated(Model(tmp_path / "one.onnx", "cpu"), mix)
    np.testing.assert_allclose(stems.sum(0), mix, atol=1e-6)


# What two cuts of a song into segments may differ by, below the stems: the edges of segments,
# where a network lacks its context, are faded out, but not without trace.
SEAMS_DB = 30.0


def test_where_a_song_is_cut_is_hardly_heard(tmp_path: Path) -> None:
    """Segments of 512 and of 768 frames: the stems differ by less than SEAMS_DB."""
    made = network(targets=PAIR, hop=64)
    mix, stems = noise(1.0), []
    for frames in (256, 384):
        path = tmp_path / f"{frames}.onnx"
        write_segment(made, segment_card(made, frames * 64 / 44100, **TEXTS), path)
        stems.append(separated(Model(path, "cpu"), mix))
    for one, other in zip(*stems, strict=True):
        assert sdr(one, other) > SEAMS_DB


def test_its_transform_is_the_articles() -> None:
    """2048 samples every 10 ms at 44.1 kHz: three seconds are 301 frames."""
    assert (TRANSFORM.n_fft, TRANSFORM.hop, TRANSFORM.frames(3 * 44100)) == (2048, 441, 301)
