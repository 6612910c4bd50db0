"""plugin-bridge devices: the audio devices there are."""

from typing import Annotated, Any

import typer

from plugin_bridge.cli.terminal import OK, show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def devices(as_json: AsJson = False) -> int:
    """List the audio devices: what to write after --input and --output, channels and rates.

    A JACK server that runs has the default devices.
    """
    from plugin_bridge.live.devices import portaudio

    rows: list[dict[str, Any]] = [
        {
            "device": info.title,
            "host_api": info.host_api,
            "name": info.name,
            "inputs": info.inputs,
            "outputs": info.outputs,
            "sample_rate": info.sample_rate,
            "rates": portaudio.rates(info),
            "default_input": info.default_input,
            "default_output": info.default_output,
        }
        for info in portaudio.listing()
    ]
    apis = portaudio.host_apis()
    portaudio.release()
    if as_json:
        show(rows)
        return OK
    if not rows:
        typer.echo(
            f"no audio device; PortAudio looked at {', '.join(apis) or 'no sound system'}, see "
            "plugin-bridge doctor"
        )
        return OK
    lines = [("device", "in", "out", "rates", "default")]
    for row in rows:
        both = [kind for kind in ("input", "output") if row[f"default_{kind}"]]
        found = ", ".join(f"{rate}" for rate in row["rates"])
        channels = (str(row["inputs"]), str(row["outputs"]))
        lines.append((str(row["device"]), *channels, f"{found} Hz", ", ".join(both)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        text = "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        typer.echo(text.rstrip())
    return OK
