"""plugin-bridge doctor: what live playing finds on this machine, and what to do about it."""

from dataclasses import asdict
from typing import Annotated

import typer

from plugin_bridge.cli.terminal import FAILURE, OK, show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]

MARKS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


def doctor(as_json: AsJson = False) -> int:
    """Check audio, MIDI, realtime permission and onnxruntime; say for each what to do.

    Ends with 1 if something keeps `live` from playing; a note costs comfort only.
    """
    from plugin_bridge.live.checkup import examine

    findings = examine()
    if as_json:
        show([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.topic) for finding in findings)
        for finding in findings:
            typer.echo(f"{MARKS[finding.state]:7}  {finding.topic:{width}}  {finding.found}")
            if finding.advice:
                typer.echo(f"{'':7}  {'':{width}}  -> {finding.advice}")
    return FAILURE if any(finding.state == "problem" for finding in findings) else OK
