"""A training's configuration: what the file may say, and how it is refused."""

from pathlib import Path
from typing import Any

import pytest

from models.configuration import Configuration, load

CONFIGS = Path(__file__).resolve().parents[3] / "models" / "configs"
WHOLE = """
[data]
library = "here"
[schedule]
steps = 10
[run]
out = "there"
"""


def write(tmp_path: Path, text: str) -> Path:
    """Write a configuration."""
    path = tmp_path / "made.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_read(path: Path) -> None:
    """And name the architecture that they are called by."""
    assert load(path).network.architecture == path.stem.split("-")[0]


def test_defaults(tmp_path: Path) -> None:
    """Three keys are enough; paths and tuples have their types."""
    made = load(write(tmp_path, WHOLE))
    assert (made.data.library, made.run.out) == (Path("here"), Path("there"))
    assert made.network.sizes["widths"] == (24, 64, 96, 128)
    assert made.schedule.minutes is None


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("steps = 10", "stepps = 10", "schedule.stepps is unknown; did you mean steps?"),
        ("[run]", "[runn]\nx = 1\n[run]", "runn is unknown; did you mean run?"),
        ("[run]", "[loss]\nterms = { snrr = 1.0 }\n[run]", "loss.terms.snrr.* 'snr'"),
        ("steps = 10", "steps = 10\nminutes = 3", "schedule: give either minutes or steps"),
        ("steps = 10", "batch = 4", "schedule: give either minutes or steps"),
        ("steps = 10", "steps = 0", "schedule.steps is 0: .* 1"),
        ("steps = 10", 'steps = 10\nprecision = "fp8"', "precision is 'fp8': .*'bf16' or 'fp32'"),
        ('out = "there"', "", "run.out is missing; add it"),
        ("[run]", "[network]\nhiden = 3\n[run]", "network.hiden is unknown; did you mean hidden?"),
        ("[run]", '[network]\narchitecture = "x"\n[run]', "architecture is 'x': use lastframe, "),
        (
            "[run]",
            '[network]\narchitecture = "branch"\ntarget = 12\n[run]',
            "network.stem is missing",
        ),
        (
            "[run]",
            '[network]\narchitecture = "model2"\nwidths = [4]\n[run]',
            "network.widths is unknown; use architecture, padded, target",
        ),
        ("[run]", "[loss]\nterms = {}\n[run]", "loss.terms"),
        (
            "[run]",
            '[network]\narchitecture = "resunet"\n[loss]\nterms = { mask_bce = 1.0 }\n[run]',
            "head decoupled gives spectra, which mask_bce cannot teach; use softmax or sigmoid",
        ),
        (
            "[run]",
            '[network]\narchitecture = "resunet"\ntargets = ["guitar"]\n[run]',
            "network.targets.0 is 'guitar'",
        ),
        ("[data]", 'network = "lastframe"\n[data]', "network is 'lastframe': "),
        ("[run]", "[network]\nwidths = []\n[run]", "network.widths: .* at least 1 item"),
        ("[run]", f"[network]\nwidths = {[8] * 6}\n[run]", "network.widths: .* at most 5 items"),
        (
            "[run]",
            '[network]\narchitecture = "model2"\n[loss]\nterms = { waveform_l1 = 1.0 }\n[run]',
            r"made\.toml: waveform_l1 needs frames side by side",
        ),
        (
            "[run]",
            "[data.shares]\nvocals = { reel = 1.0 }\n[run]",
            "data.shares.vocals.reel is unknown; did you mean real?",
        ),
        ("[run]", "[run", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    """One sentence with the file, the key, and what may stand there."""
    path = write(tmp_path, WHOLE.replace(before, after))
    with pytest.raises(ValueError, match=sentence) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The path, and what to name."""
    with pytest.raises(ValueError, match=r"none\.toml cannot be read .*name a \.toml file"):
        load(tmp_path / "none.toml")


def schedule(**fields: Any) -> Any:
    """Make a schedule."""
    content = {"data": {"library": "a"}, "schedule": fields, "run": {"out": "b"}}
    return Configuration.model_validate(content).schedule


def test_a_rate_falls_in_steps_or_as_a_cosine() -> None:
    """After a linear warm-up, times `decay` every `decay_steps`; or to a share of the peak."""
    options = {"steps": 100, "peak_rate": 1.0, "warm_up_steps": 10}
    falling = schedule(shape="steps", decay=0.5, decay_steps=20, **options)
    assert [falling.rate(n, 0) for n in (0, 4, 9, 19, 20, 60)] == [0.1, 0.5, 1, 1, 0.5, 0.125]
    cosine = schedule(final_share=0.25, **options)
    rates = [cosine.rate(n, n / 100) for n in (4, 50, 100)]
    assert rates == pytest.approx([0.4975, 0.5, 0.25], abs=1e-3)


def test_a_schedule_is_by_steps_or_by_time() -> None:
    """The other one does not count; more than the whole is the whole."""
    steps, minutes = schedule(steps=10), schedule(minutes=2)
    assert [steps.share(n, 1e9) for n in (0, 5, 10, 11)] == [0, 0.5, 1, 1]
    assert [minutes.share(10**9, s) for s in (0, 60, 120, 121)] == [0, 0.5, 1, 1]
    assert [schedule(steps=9).late(share / 9) for share in (5, 6, 7)] == [False, False, True]
    assert not schedule(steps=9, late_share=0).late(1.0)
