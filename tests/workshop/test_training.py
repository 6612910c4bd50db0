"""Training and the way back: a run can be stopped anywhere and goes on as if it had not been."""

import csv
import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models import checkpoints, rates
from models.architectures import masks_of
from models.batches import Batch, Feed, draw
from models.configuration import Configuration
from models.data.library import RATE, Job, Library
from models.data.mixing import Mixer
from models.features import features
from models.losses import LOSSES, energies, snr_loss
from models.parallel import choose_device
from models.train import train
from models.trainer import Trainer, halved, judge
from models.zoo.lastframe import LastFrame
from plugin_bridge.dsp.rates import BinMap
from tests.workshop.conftest import TINY, Configure, song


def rows(folder: Path) -> list[dict[str, str]]:
    """Read the log of a run."""
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curve(folder: Path) -> list[tuple[str, str]]:
    """Give step and loss of every row that has one."""
    return [(row["step"], row["loss"]) for row in rows(folder) if row["loss"]]


def assert_same_weights(one: Path, other: Path) -> None:
    """Compare two checkpoints, bit by bit."""
    held = [checkpoints.load(path) for path in (one, other)]
    for part in ("network", "average"):
        for name, value in held[0][part].items():
            torch.testing.assert_close(held[1][part][name], value, rtol=0, atol=0)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """Send a signal while the batch of a step is made."""
    plain = Feed.__call__

    def call(feed: Feed, n: int, size: int, frames: int) -> Batch:
        if n == step:
            signal.raise_signal(number)
        return plain(feed, n, size, frames)

    monkeypatch.setattr(Feed, "__call__", call)


@pytest.fixture
def whole(configure: Configure, tmp_path: Path) -> Path:
    """Give the folder of a run that nothing disturbed."""
    assert train(configure(run={"out": tmp_path / "whole"}))
    return tmp_path / "whole"


def test_a_run_leaves_what_it_should(whole: Path) -> None:
    """Checkpoint, best weights, table and curve; nothing half-written; all steps and scores."""
    names = {path.name for path in whole.iterdir()}
    assert names == {"checkpoint.pt", "best.pt", "log.csv", "curve.png"}
    assert [step for step, _ in curve(whole)] == ["1", "2", "3", "4", "5", "6"]
    last = rows(whole)[-1]
    best = checkpoints.load(whole / "best.pt")
    assert float(last["mean"]) == pytest.approx(best["scores"]["mean"], rel=1e-4)
    assert best["data"]["stem_hours"].keys() == {"generated"}


def test_the_same_seed_gives_the_same_curve(configure: Configure, whole: Path) -> None:
    """And another seed another one."""
    assert train(configure())
    run = configure().run.out
    assert curve(run) == curve(whole)
    assert_same_weights(run / "checkpoint.pt", whole / "checkpoint.pt")
    other = configure(run={"seed": 1, "out": run.parent / "other"})
    assert train(other)
    assert curve(other.run.out) != curve(whole)


@pytest.mark.parametrize("loaders", [0, 2])
@pytest.mark.parametrize("step", [0, 2, 4])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on(
    configure: Configure,
    whole: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    number: signal.Signals,
    loaders: int,
) -> None:
    """Stopped at any step, by Ctrl-C or a shutdown, and started again: the very same curve."""
    wanted = configure(run={"loaders": loaders})
    with monkeypatch.context() as patch:
        interrupt_at(patch, step, number)
        assert not train(wanted)
    assert checkpoints.load(wanted.run.out / "checkpoint.pt")["step"] == step + 1
    assert train(wanted)
    assert curve(wanted.run.out) == curve(whole)
    assert_same_weights(wanted.run.out / "checkpoint.pt", whole / "checkpoint.pt")


def test_a_run_that_was_killed_goes_on(
    configure: Configure, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its last checkpoint; rows of steps that are taken again are there once."""
    wanted = configure(run={"checkpoint_minutes": 0})
    plain = Feed.__call__

    def call(feed: Feed, n: int, size: int, frames: int) -> Batch:
        if n == 4:
            raise MemoryError
        if n == 2:  # from here on nothing is written any more
            monkeypatch.setattr(checkpoints, "save", lambda *_: None)
        return plain(feed, n, size, frames)

    with monkeypatch.context() as patch:
        patch.setattr(Feed, "__call__", call)
        with pytest.raises(MemoryError):
            train(wanted)
    monkeypatch.undo()
    assert checkpoints.load(wanted.run.out / "checkpoint.pt")["step"] == 2
    assert len(curve(wanted.run.out)) == 4
    assert train(wanted)
    assert curve(wanted.run.out) == curve(whole)
    assert_same_weights(wanted.run.out / "checkpoint.pt", whole / "checkpoint.pt")


def test_a_finished_run_stays_finished(configure: Configure, whole: Path) -> None:
    """Started again, it does nothing."""
    before = (whole / "checkpoint.pt").read_bytes()
    assert train(configure(run={"out": whole}))
    assert (whole / "checkpoint.pt").read_bytes() == before


def test_a_run_by_time_ends_when_it_was_told_to(configure: Configure) -> None:
    """In two sittings; the clock goes on where it stopped."""
    short = configure(schedule={"steps": None, "minutes": 0.01})
    assert train(short)
    first = checkpoints.load(short.run.out / "checkpoint.pt")
    assert 0.6 <= first["elapsed"] < 30
    longer = configure(schedule={"steps": None, "minutes": first["elapsed"] / 60 + 0.01})
    assert train(longer)
    second = checkpoints.load(longer.run.out / "checkpoint.pt")
    assert second["elapsed"] >= first["elapsed"] + 0.6
    assert second["step"] > first["step"] > 0


def test_the_late_part_is_longer_and_has_its_own_losses(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments of the size that the schedule gives, in the order of the steps."""
    sizes: list[tuple[int, int]] = []
    plain = Feed.__call__

    def call(feed: Feed, n: int, size: int, frames: int) -> Batch:
        sizes.append((size, frames))
        return plain(feed, n, size, frames)

    monkeypatch.setattr(Feed, "__call__", call)
    late = {"mask_mse": 1.0, "mask_bce": 0.1, "waveform_l1": 0.5}
    wanted = configure(loss={"late_terms": late}, schedule={"late_share": 0.5, "batch": 2})
    assert train(wanted)
    assert sizes == [(2, 8)] * 4 + [(1, 12)] * 2
    losses = [float(loss) for _, loss in curve(wanted.run.out)]
    assert all(0 < loss < 3 for loss in losses[4:])


def test_full_disk(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last checkpoint survives, the run goes on and says at its end that it is not kept."""
    wanted = configure(run={"checkpoint_minutes": 0, "validation_minutes": 0})
    plain = checkpoints.save
    written: list[str] = []

    def save(path: Path, content: checkpoints.Content) -> None:
        if content["step"] > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path.name)
        plain(path, content)

    monkeypatch.setattr(checkpoints, "save", save)
    assert not train(wanted)
    assert checkpoints.load(wanted.run.out / "checkpoint.pt")["step"] == 2
    assert "checkpoint.pt" in written
    monkeypatch.undo()
    assert train(wanted)


@pytest.mark.linux
def test_a_write_that_fails_half_way(tmp_path: Path) -> None:
    """What stood under the name stays whole, and no half of the other remains."""
    import resource

    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, {"config": {}, "step": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoints.save(path, {"config": {}, "step": 2, "much": torch.zeros(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert checkpoints.load(path)["step"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_checkpoint_of_another_network_is_refused(configure: Configure, whole: Path) -> None:
    """With what differs, there and here; the checkpoint is untouched."""
    before = (whole / "checkpoint.pt").read_bytes()
    other = configure(run={"out": whole}, network={"hidden": 12, "widths": (4, 4, 8, 12)})
    with pytest.raises(ValueError, match="hidden is 8 there and 12 here") as caught:
        train(other)
    assert "widths is [4, 4, 8, 8] there and [4, 4, 8, 12] here" in str(caught.value)
    assert (whole / "checkpoint.pt").read_bytes() == before
    begun = configure(run={"start": whole / "best.pt"}, network={"normed": False})
    with pytest.raises(ValueError, match="normed is True there and False here"):
        train(begun)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_file_that_is_no_checkpoint(configure: Configure, content: bytes | None) -> None:
    """One sentence instead of what torch stumbles over."""
    wanted = configure()
    wanted.run.out.mkdir()
    path = wanted.run.out / "checkpoint.pt"
    if content is None:
        torch.save([1, 2], path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt (is not|holds no)"):
        train(wanted)


def test_a_run_can_start_from_another_ones_weights(configure: Configure, whole: Path) -> None:
    """With its statistics of the input, and a clock of its own."""
    begun = configure(run={"start": whole / "best.pt"})
    made = Trainer(begun, torch.device("cpu"))
    best = checkpoints.load(whole / "best.pt")["weights"]
    torch.testing.assert_close(made.network.state_dict(), best)
    assert (made.step, made.elapsed) == (0, 0)


def test_a_run_can_add_what_begins_as_nothing(configure: Configure, whole: Path) -> None:
    """With other paths and another transform the first masks are those of the start."""
    pairs = ("cos_ipd",)
    sizes = {"memories": (0, 8), "low": 16, "pairs": pairs, "hop": 512, "synthesis": 2048}
    made = Trainer(configure(run={"start": whole / "best.pt"}, network=sizes), torch.device("cpu"))
    plain = LastFrame(**TINY).eval()
    plain.load_state_dict(checkpoints.load(whole / "best.pt")["weights"])
    grown = made.network.eval()
    x = torch.rand(1, 3, 6, 1025)
    with torch.no_grad():
        torch.testing.assert_close(masks_of(grown, x), masks_of(plain, x[:, :2]))
    made.advance()  # and from there it learns
    assert grown.encoder[0].weight[:, 2].abs().sum() > 0
    made.configuration.run.out.mkdir()
    made.keep()
    begun = made.configuration.run.out / "checkpoint.pt"
    elsewhere = {"start": begun, "out": whole / "another"}
    more = configure(run=elsewhere, network=sizes | {"memories": (6, 8, 6)})
    assert len(Trainer(more, torch.device("cpu")).network.memories) == 3
    other = configure(run=elsewhere, network=sizes | {"memories": (4,)})
    with pytest.raises(ValueError, match=r"memories is \[0, 8\] there and \[4\] here"):
        Trainer(other, torch.device("cpu"))
    with pytest.raises(ValueError, match="at most one for each of the 4 widths"):
        configure(network={"memories": (4,) * 5})


@pytest.mark.parametrize("standardised", [True, False])
def test_the_input_is_standardised_or_left_as_it_is(
    configure: Configure, standardised: bool
) -> None:
    """By constants inside the network, so that nothing else has to know."""
    made = Trainer(configure(network={"standardised": standardised}), torch.device("cpu")).network
    assert bool((made.mean != 0).any() and (made.spread != 1).any()) == standardised
    assert "standardised" not in made.config


def test_a_teacher_is_followed(configure: Configure, whole: Path) -> None:
    """With all of the loss against it, its own pupil has next to none."""
    loss = {"terms": {"snr": 1.0}, "teacher": whole / "best.pt"}
    begun = {"start": whole / "best.pt"}
    losses = []
    for taught in (0.0, 0.5, 1.0):
        wanted = configure(run=begun, loss=loss | {"taught": taught})
        made = Trainer(wanted, torch.device("cpu"))
        made.network.eval()
        made.advance()
        losses += made.recent
    assert losses[1] == pytest.approx((losses[0] + losses[2]) / 2, rel=1e-5)
    assert losses[2] < losses[0] - 10
    squares = {"terms": {"mask_mse": 1.0}, "masks": "b1", "taught": 1.0}
    masked = configure(run=begun, loss=loss | squares, schedule={"late_share": 0.0})
    made = Trainer(masked, torch.device("cpu"))
    made.network.eval()
    made.advance()
    assert made.recent[0] < 1e-6
    with pytest.raises(ValueError, match=r"hop is 256 there and 128 here"):
        Trainer(configure(loss=loss, network={"hop": 128}), torch.device("cpu"))
    with pytest.raises(ValueError, match=r"loss.teacher is only for lastframe"):
        configure(loss=loss, network={"head": "complex"})


def test_another_optimizer_is_refused(configure: Configure, whole: Path) -> None:
    """Its state means something else; a new weight decay is followed."""
    with pytest.raises(ValueError, match=r"made with adamw, schedule.optimizer is muon; set it"):
        train(configure(run={"out": whole}, schedule={"steps": 8, "optimizer": "muon"}))
    changed = configure(run={"out": whole}, schedule={"steps": 8, "weight_decay": 0.5})
    groups = Trainer(changed, torch.device("cpu")).optimizer.param_groups
    assert {group["weight_decay"] for group in groups} == {0.5}


def test_validations_do_not_change_the_curve(configure: Configure) -> None:
    """Dropout draws from what a network is built with, too."""
    network = {"architecture": "model2"}
    curves = []
    for minutes in (0.0, 100.0):
        out = configure().run.out.parent / f"{minutes}"
        run = {"out": out, "validation_minutes": minutes}
        loss = {"terms": {"mask_bce": 1.0}, "late_terms": {"mask_bce": 1.0}}
        assert train(configure(run=run, network=network, loss=loss))
        curves.append(curve(out))
    assert curves[0] == curves[1]


def test_checkpoints_of_older_runs_are_read(configure: Configure, whole: Path) -> None:
    """Without architecture, audio heard, losses and random state, which came later."""
    path = whole / "checkpoint.pt"
    held = checkpoints.load(path)
    old = ("network", "optimizer", "average", "config", "step", "elapsed", "best")
    checkpoints.save(path, {key: held[key] for key in old})
    assert train(configure(run={"out": whole}, schedule={"steps": 8}))
    assert checkpoints.load(path)["step"] == 8


def test_what_a_step_hears_follows_from_its_number(library: Path) -> None:
    """In any order, decoded ahead or not; other processes and seeds hear something else."""

    def make() -> Mixer:
        return Mixer(Library.open(library), "train")

    plain, ahead = Feed(make, (0, 1, 0)), Feed(make, (0, 1, 0), loaders=2)
    forward = [plain(step, 1, 8).mix for step in (3, 4, 5)]
    for step, wanted in ((5, forward[2]), (3, forward[0]), (4, forward[1])):
        torch.testing.assert_close(plain(step, 1, 8).mix, wanted, rtol=0, atol=0)
    for step, wanted in zip((3, 4, 5), forward, strict=True):
        torch.testing.assert_close(ahead(step, 1, 8).mix, wanted, rtol=0, atol=0)
    assert ahead(6, 2, 10).mix.shape[:3] == (2, 2, 10)
    ahead.close()
    for place in ((0, 1, 1), (1, 1, 0)):
        assert not torch.equal(Feed(make, place)(3, 1, 8).mix, forward[0])


def test_shares_decide_what_is_drawn(library: Path) -> None:
    """A stem's share of a kind that is not in the library gives nothing to others."""
    opened = Library.open(library)
    plain, same = Mixer(opened), Mixer(opened, shares={"vocals": {"generated": 0.1}})
    for mixer in (plain, same):
        mixer.seek(1)
    np.testing.assert_array_equal(plain.batch(1, 4096)[0], same.batch(1, 4096)[0])


def test_shares_that_leave_nothing_are_refused(library: Path) -> None:
    """A table that names no kind of those that are there."""
    with pytest.raises(ValueError, match="the shares of vocals are 0 for generated"):
        Mixer(Library.open(library), shares={"vocals": {"real": 1.0}})


def test_kinds_without_a_share_are_not_drawn(tmp_path: Path) -> None:
    """Where a stem has a table, what it does not name has nothing."""
    opened = Library.open(tmp_path)
    list(opened.fill([Job(kind, "0", "train", partial(song, 0)) for kind in ("real", "generated")]))
    mixer = Mixer(opened, shares={"drums": {"real": 1.0}})
    assert {mixer._pick("drums").source for _ in range(20)} == {"real"}


def test_shares_of_whole_songs(tmp_path: Path) -> None:
    """A mixture of one song is of the kind that has all the share."""
    opened = Library.open(tmp_path)
    list(opened.fill([Job(kind, "0", "train", partial(song, 0)) for kind in ("real", "generated")]))
    for wanted in ("real", "generated"):
        mixer = Mixer(opened, shares={"songs": {"real": 0.0, "generated": 0.0, wanted: 1.0}})
        drawn = [mixer._from_song(4096)["drums"].item.source for _ in range(12)]
        assert set(drawn) == {wanted}


@pytest.mark.parametrize(("share", "segments"), [(0.0, {1}), (1.0, {2})])
def test_mix_audio_adds_a_second_segment(library: Path, share: float, segments: set[int]) -> None:
    """To every stem or to none, whatever the mixture is made of."""
    mixer = Mixer(Library.open(library), mix_audio=share)
    for place in range(20):
        mixer.seek(place)
        assert {len(drawn) for drawn in mixer._complete(4096).values()} == segments


def test_partial_labels_teach_sums_only() -> None:
    """A batch that knows vocals and the rest: the gradient does not care how the rest is split."""
    torch.manual_seed(0)
    stems = torch.complex(*(torch.randn(1, 4, 2, 3, 1025) for _ in range(2)))
    groups = torch.tensor([[[1.0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]])
    batch = Batch(stems, stems.sum(1), groups)
    raw = torch.zeros(1, 4, 2, 3, 1025, requires_grad=True)
    judged = judge(batch, torch.softmax(raw, 1))
    assert judged.known is not None
    assert judged.known.tolist() == [[1, 1, 0, 0]]
    snr_loss(*judged.energies, judged.known).backward()
    assert raw.grad is not None
    torch.testing.assert_close(raw.grad[:, 1], raw.grad[:, 3])
    assert not torch.allclose(raw.grad[:, 0], raw.grad[:, 1])


def test_a_run_hears_instrumental_music(configure: Configure, tmp_path: Path) -> None:
    """With data.partial every mixture of such a library knows two targets; without it, four."""
    root = tmp_path / "music"
    stems = [song(0), {"accompaniment": song(1)["other"]}]
    sources = ("generated", "instrumental")
    jobs = [
        Job(source, "song", "train", partial(dict, held))
        for source, held in zip(sources, stems, strict=True)
    ]
    list(Library.open(root).fill([*jobs, Job("generated", "kept", "validation", lambda: song(2))]))
    known = []
    for share in (0.0, 1.0):
        data = {"library": root, "partial": share}
        made = Trainer(
            configure(data=data, run={"out": tmp_path / str(share)}), choose_device("cpu")
        )
        batch = made.feed(0, 2, 8)
        known.append(None if batch.known is None else batch.known.tolist())
        assert made.advance()
    assert known == [None, 2 * [[1, 1, 0, 0]]]


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice follows what there is; a GPU that is not there is one sentence."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="torch finds no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("auto") == torch.device("cuda", 1)
    assert choose_device("cpu") == torch.device("cpu")


def test_gradients_that_are_no_number_are_left_out(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad step changes no weight."""
    made = Trainer(configure(), torch.device("cpu"))
    made.advance()
    before = {name: value.clone() for name, value in made.average.weights.items()}
    parameters = [p.detach().clone() for p in made.network.parameters()]
    bad = LOSSES["snr"]
    monkeypatch.setitem(LOSSES, "snr", lambda judged: bad(judged) * torch.nan)
    made.advance()
    torch.testing.assert_close(made.average.weights, before)
    torch.testing.assert_close([p.detach() for p in made.network.parameters()], parameters)
    assert made.step == 2
    made.checkpoint.parent.mkdir()
    made.keep()
    assert Trainer(configure(), torch.device("cpu")).average.steps == 1


def written(configuration: Configuration, path: Path) -> Path:
    """Write a configuration as TOML."""

    def plain(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, tuple):
            return f"[{', '.join(map(plain, value))}]"
        return f'"{value}"' if isinstance(value, str | Path) else str(value)

    lines = []
    for table, content in configuration.model_dump(exclude_unset=True).items():
        lines.append(f"[{table}]")
        lines += [f"{key} = {plain(value)}" for key, value in content.items()]
    path.write_text("\n".join(lines))
    return path


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module as a user does, in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )


def test_the_command(configure: Configure, tmp_path: Path) -> None:
    """0 when it is done; 2 and one sentence for what is wrong in the file."""
    path = written(configure(), tmp_path / "made.toml")
    result = run("models.train", str(path))
    assert result.returncode == 0, result.stderr
    assert len(curve(configure().run.out)) == 6
    path.write_text(path.read_text().replace("[run]", "[run]\nsed = 3"))
    result = run("models.train", str(path))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "run.sed is unknown; did you mean seed?" in result.stderr


@pytest.mark.slow
def test_two_processes_are_one_run(configure: Configure, tmp_path: Path) -> None:
    """torchrun, unchanged: one log, one checkpoint."""
    path = written(configure(), tmp_path / "made.toml")
    result = run(
        "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "models.train",
        str(path),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert [step for step, _ in curve(configure().run.out)] == ["1", "2", "3", "4", "5", "6"]
    both = checkpoints.load(configure().run.out / "checkpoint.pt")
    alone = configure(run={"out": tmp_path / "alone"})
    assert train(alone)
    assert both["heard"] == 2 * checkpoints.load(alone.run.out / "checkpoint.pt")["heard"]
    assert both["elapsed"] > 0


def test_a_perfect_mask_beats_an_even_one(library: Path) -> None:
    """The loss knows better from worse, on real draws."""
    batch = draw(Mixer(Library.open(library), "train", seed=1), 4, 40)
    power = batch.stems.abs()
    ideal = power / (power.sum(1, keepdim=True) + 1e-9)
    even = torch.full_like(ideal, 0.25)
    better, worse = (snr_loss(*energies(m, batch.stems, batch.mix)) for m in (ideal, even))
    assert better < worse - 5


def test_steps_on_one_batch_lower_its_loss(library: Path) -> None:
    """The gradient of the loss reaches all of the network."""
    torch.manual_seed(0)
    batch = draw(Mixer(Library.open(library), "train", seed=1), 2, 40)
    network = LastFrame(**TINY)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        masks = masks_of(network, features(batch.mix))
        loss = snr_loss(*energies(masks, batch.stems, batch.mix))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_folding_the_normalisation_changes_nothing() -> None:
    """The exported network computes what the trained one does."""
    torch.manual_seed(0)
    network = LastFrame()
    x = torch.rand(2, 2, 30, 1025)
    for _ in range(3):  # gives the running statistics something to tell
        network(x, *network.initial_states(2))
    network.eval()
    with torch.no_grad():
        wanted = network(x, *network.initial_states(2))[0]
        result = network.folded()(x, *network.initial_states(2))[0]
    torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-5)


def test_what_learns_is_what_plays() -> None:
    """In half precision a decoder's level has another form, of the same numbers to its rounding."""
    torch.manual_seed(0)
    network = LastFrame(normed=False).eval()
    x = torch.rand(2, 2, 30, 1025)
    with torch.no_grad():
        playing = network(x, *network.initial_states(2))[0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            learning = network(x, *network.initial_states(2))[0]
    # A rounding is up to half of this; the coarsest level laid out the wrong way is above twice.
    assert (learning - playing).std() < 2**-7 * playing.std()


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ({}, 0.77e6),
        ({"memories": (0, 128, 256)}, 1.155e6),
        ({"memories": (48,)}, 0.787e6),
        ({"pairs": ("cos_ipd",)}, 0.777e6),
    ],
)
def test_the_network_is_causal_and_carries_its_states(
    sizes: dict[str, Any], parameters: float
) -> None:
    """Frame by frame equals all at once; about 0.8 M parameters, or with more paths more."""
    network = LastFrame(low=32, **sizes).eval()
    count = sum(p.numel() for p in network.parameters())
    assert count == pytest.approx(parameters, rel=0.03)
    assert network.low_end is not None
    for part in (network.low_end, *network.memories.values()):
        nn.init.normal_(part.out.weight)  # it begins as nothing
    x = torch.rand(1, 2 + len(network.pairs), 6, 1025)
    with torch.no_grad():
        whole = network(x, *network.initial_states())[0]
        states = network.initial_states()
        for frame in range(6):
            scores, *states = network(x[:, :, frame : frame + 1], *states)
            torch.testing.assert_close(scores[:, :, 0], whole[:, :, frame], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("precision", "device", "capability", "wanted"),
    [
        ("auto", "cpu", "AVX2", False),
        ("auto", "cpu", "AVX512", True),
        ("auto", "cuda", "AVX2", True),
        ("bf16", "cpu", "AVX2", True),
        ("fp32", "cuda", "AVX512", False),
    ],
)
def test_half_precision_is_taken_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, precision: str, device: str, capability: str, wanted: bool
) -> None:
    """Auto is bf16 on GPUs and AVX-512; the other two are what they say."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert halved(precision, torch.device(device)) is wanted


def test_a_host_at_48_khz_in_training_is_the_bridges() -> None:
    """Bins are interpolated as the bridge does it, to and fro."""
    rng = np.random.default_rng(5)
    values = rng.random((2, 3, rates.BINS), np.float32)
    bridge = BinMap(rates.BINS, rates.BINS, rates.RATIO)
    heard, given = (each(torch.from_numpy(values)) for each in (rates.to_network, rates.to_host))
    np.testing.assert_allclose(heard, bridge.to_model(values, 0.0), atol=2e-4)
    np.testing.assert_allclose(given, bridge.to_host(values), atol=2e-4)
    assert pytest.approx(48 / 44.1, rel=3e-4) == rates.RATIO


class Tone:
    """A mixer of a tone at 1 kHz."""

    def seek(self, *position: int) -> None:
        """Be the same everywhere."""

    def batch(self, size: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """Give it as each stem."""
        tone = np.sin(2 * np.pi * 1000 / RATE * np.arange(samples)).astype(np.float32)
        gains = np.ones((size, 4, 2, rates.BINS), np.float32)
        return np.tile(tone, (size, 4, 2, 1)), gains


def test_the_share_of_steps_at_48_khz() -> None:
    """A step is at 48 kHz or not by its number; there a tone is lower by as much as bins widen."""
    feed = Feed(Tone, (0, 1, 0), elsewhere=0.5)  # type: ignore[arg-type]  # all that it needs
    which = [feed(step, 1, 8).elsewhere for step in range(40)]
    assert 10 < sum(which) < 30
    assert [feed(step, 1, 8).elsewhere for step in range(40)] == which
    for elsewhere, spacing in ((0.0, 44100 / 2048), (1.0, 48000 / 2048)):
        heard = Feed(Tone, (0, 1, 0), elsewhere=elsewhere)(0, 1, 8).mix.abs()  # type: ignore[arg-type]
        assert heard.shape == (1, 2, 8, rates.BINS)
        assert (heard.argmax(-1) == round(1000 / spacing)).all()
    place = rates.to_network(heard).argmax(-1)
    assert ((place - 1000 / (44100 / 2048)).abs() < 1).all()


def test_steps_at_48_khz_teach(configure: Configure) -> None:
    """They go through a whole run; where they mean nothing they are refused."""
    made = configure(data={"elsewhere": 1.0})
    assert train(made)
    with pytest.raises(ValueError, match="only for lastframe"):
        configure(data={"elsewhere": 0.5}, network={"head": "complex"})
