"""plugin-bridge models: list, show, check and fuse model files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_bridge.cli.terminal import FAILURE, OK, exit_code, say, sentence, show
from plugin_bridge.errors import PluginBridgeError

if TYPE_CHECKING:
    from plugin_bridge.model.card import Card
    from plugin_bridge.testing import Measurement

# What float32 leaves of a sum that is exact on paper.
ADDS_UP_DB = -120.0

app = typer.Typer(
    name="models", no_args_is_help=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

Named = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name or .onnx file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List, show, check and fuse models."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_models(as_json: AsJson = False) -> int:
    """List the models that --model knows by name: the shipped ones and your own."""
    from plugin_bridge.model import store

    rows, codes = [], [OK]
    for path in store.listing():
        try:
            rows.append(_facts(path))
        except PluginBridgeError as error:
            say(sentence(error))
            codes.append(exit_code(error))
    if as_json:
        show(rows)
    elif rows:
        _print_table(rows)
    else:
        typer.echo("no model is installed")
    if not as_json:
        typer.echo(f"your own models go to {store.user_folder()}")
    return max(codes)


@app.command("show")
def show_model(model: Named, as_json: AsJson = False) -> int:
    """Print what a model says about itself: its card."""
    from plugin_bridge.model.onnx import Model

    opened = Model(model, "cpu")
    content = {
        "file": str(opened.path),
        "sha256": opened.sha256,
        **opened.card.model_dump(exclude_none=True),
    }
    if as_json:
        show(content)
        return OK
    width = max(len(name) for name in content)
    for name, value in content.items():
        typer.echo(f"{name:{width}}  {_plain(value)}")
    return OK


@app.command("check")
def check_model(
    model: Named,
    provider: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda", help="Where the model runs.")
    ] = "auto",
    as_json: AsJson = False,
) -> int:
    """Check a model against the contract, and measure its latency, time per hop and sum."""
    from plugin_bridge.model.onnx import Model
    from plugin_bridge.testing import measure_model

    opened = Model(model, provider)
    found = measure_model(opened, provider)
    complaint = _complaint(opened.card, found)
    status = FAILURE if complaint else OK
    if as_json:
        show({"model": str(opened.path), "verdict": complaint or "ok", **vars(found)})
        return status
    share = 100 * found.hop_ms_p99 / found.hop_budget_ms
    rows = {
        "verdict": complaint or "follows the contract",
        "provider in use": found.provider,
        "latency": f"{found.latency_samples} samples stated, {_measured(found)} by impulse",
        "time per hop": f"{found.hop_ms_p50:.3f} ms median, {found.hop_ms_p99:.3f} ms p99, "
        f"{share:.0f} % of the {found.hop_budget_ms:.2f} ms there are",
        "stems minus mix": f"{found.sum_to_mix_db:.1f} dB of the mix",
    }
    typer.echo(f"{opened.card.name} {opened.card.version}  {opened.path}")
    for name, text in rows.items():
        typer.echo(f"  {name:16} {text}")
    return status


@app.command("fuse")
def fuse_model(
    model: Named,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.onnx.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write a streaming model and its transform as one graph on samples, for any ONNX runtime."""
    from plugin_bridge.model.fuse import fuse
    from plugin_bridge.testing import measure_model

    fused = fuse(model, out, overwrite=overwrite)
    apart, one = measure_model(model, "cpu"), measure_model(fused.path, "cpu")
    size = fused.path.stat().st_size
    content = {
        "file": str(fused.path),
        "bytes": size,
        "difference": fused.difference,
        "latency_samples": one.latency_samples,
        "hop_ms_p50": one.hop_ms_p50,
        "unfused_hop_ms_p50": apart.hop_ms_p50,
    }
    if as_json:
        show(content)
        return OK
    typer.echo(
        f"{fused.path}: {size / 1e6:.1f} MB, differs from {model} by "
        f"{fused.difference:.0e} of full scale\n"
        f"  latency {one.latency_samples} samples, {one.hop_ms_p50:.3f} ms per hop "
        f"({apart.hop_ms_p50:.3f} ms unfused)"
    )
    return OK


def _measured(found: "Measurement") -> str:
    samples = found.measured_latency_samples
    return "none measured, the click is silent," if samples is None else str(samples)


def _complaint(card: "Card", found: "Measurement") -> str:
    if found.nonfinite_frames:
        return f"gives no number for {found.nonfinite_frames} frames; check eps and divisions"
    # Masks may move the peak of a click inside the overlap-add, which is what a stated delay
    # tells of; a network on samples has no reason to.
    measured = found.measured_latency_samples
    moved = 0 if measured is None else abs(measured - found.latency_samples)
    if moved >= max(1, card.delay or 0) and card.kind in ("waveform", "segment"):
        return (
            "delays otherwise than its card says; state what the network adds as the card's delay"
        )
    if card.sums_to_mix and found.sum_to_mix_db > ADDS_UP_DB:
        return "does not add up to the mix, though its head should; check for non-finite outputs"
    return ""


def _facts(path: Path) -> dict[str, Any]:
    from plugin_bridge.model.onnx import Model
    from plugin_bridge.separator import Separator

    model = Model(path, "cpu")
    card = model.card
    if card.segment:  # the wait for a whole one is known, and a call would take seconds
        latency = card.segment - 1
    else:
        latency = Separator(
            model, card.sample_rate, channels=card.channels, block=card.hop
        ).latency_samples
    return {
        "name": path.stem,
        "kind": card.kind,
        "stems": list(card.stems),
        "sample_rate": card.sample_rate,
        "latency_samples": latency,
        "bytes": path.stat().st_size,
        "file": str(path),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    lines = [("name", "kind", "stems", "rate", "latency", "size", "where")]
    for row in rows:
        seconds = row["latency_samples"] / row["sample_rate"]
        wait = f"{seconds:.1f} s: files" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
        lines.append(
            (
                row["name"],
                row["kind"],
                ", ".join(row["stems"]),
                f"{row['sample_rate']} Hz",
                f"{row['latency_samples']} samples, {wait}",
                f"{row['bytes'] / 1e6:.1f} MB",
                str(Path(row["file"]).parent),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        text = "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        typer.echo(text.rstrip())


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        mark = " x " if all(isinstance(entry, int) for entry in value) else ", "
        return mark.join(_plain(entry) for entry in value)
    if isinstance(value, dict):
        return "; ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
    return str(value)
