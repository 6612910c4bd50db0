"""Build the plugin from source, and put it where DAWs look.

DPF is not part of this package: Debian's dpf-source is copied, patched and compiled.
"""

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from plugin_bridge.daw.patch import apply
from plugin_bridge.errors import PluginBridgeError

SOURCE = Path(__file__).resolve().parent / "source"
# Where Debian's dpf-source is.
DPF = Path("/usr/share/dpf")
# What a bundle is called, and where a user's DAW looks for it.
BUNDLES: Mapping[str, str] = {
    "StemBridge.vst3": ".vst3",
    "StemBridge.clap": ".clap",
    "StemBridge.lv2": ".lv2",
}
BUILD_SECONDS = 600.0


def build(out: Path, dpf: Path = DPF) -> list[Path]:
    """Build VST3, CLAP and LV2.

    Parameters
    ----------
    out : Path, the folder that gets the bundles
    dpf : Path, DPF 1.6

    Returns
    -------
    bundles : list of Path

    Raises
    ------
    PluginBridgeError
        If a tool or DPF is missing, or the compiler fails; says what to install, or its words.

    Notes
    -----
    Thread: [main]
    """
    _refuse(dpf)
    out.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    with tempfile.TemporaryDirectory(prefix="plugin-bridge-") as name:
        work = Path(name)
        gather(work, dpf)
        made = work / "made"
        made.mkdir()
        _run(["make", f"-j{min(4, os.cpu_count() or 1)}", f"DPF={work}", f"OUT={made}"], work)
        _describe(made / "StemBridge.lv2")
        for bundle in (*BUNDLES, "layout"):
            _place(made / bundle, out / bundle)
    return [out / bundle for bundle in BUNDLES]


def gather(work: Path, dpf: Path = DPF) -> None:
    """Copy the plugin's sources, and DPF with our changes, to where they are compiled.

    Parameters
    ----------
    work : Path, gets the folders `source` and `distrho`
    dpf : Path, DPF 1.6

    Raises
    ------
    PluginBridgeError
        If DPF is another version.

    Notes
    -----
    Thread: [main]
    """
    shutil.copytree(SOURCE, work / "source")
    shutil.copytree(dpf / "distrho", work / "distrho")
    apply((SOURCE / "dpf.patch").read_text(encoding="utf-8"), work)


def install(built: Path, home: Path) -> list[Path]:
    """Copy the bundles to where the user's DAWs look.

    Parameters
    ----------
    built : Path, the folder given to `build`
    home : Path, the user's home folder

    Returns
    -------
    installed : list of Path

    Raises
    ------
    PluginBridgeError
        If there is nothing to install, or no room for it.

    Notes
    -----
    Thread: [main]
    """
    missing = [bundle for bundle in BUNDLES if not (built / bundle).exists()]
    if missing:
        raise PluginBridgeError(
            f"{built} has no {', '.join(missing)}; run plugin-bridge daw build first"
        )
    installed = []
    for bundle, folder in BUNDLES.items():
        target = home / folder / bundle
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _place(built / bundle, target)
        except OSError as error:
            raise PluginBridgeError(
                f"{target} cannot be written ({error.strerror}); name another folder by --home"
            ) from error
        installed.append(target)
    return installed


def _refuse(dpf: Path) -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise PluginBridgeError(
            f"the plugin is for Linux on x86-64, this is {sys.platform} on {platform.machine()}; "
            "use render or live here"
        )
    missing = [tool for tool in ("g++", "make") if shutil.which(tool) is None]
    if not (dpf / "distrho" / "DistrhoPluginMain.cpp").is_file():
        missing.append("dpf-source")
    if missing:
        raise PluginBridgeError(
            f"{', '.join(missing)} is missing; on Debian: apt-get install {' '.join(missing)}"
        )


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder / "source",
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PluginBridgeError(
            f"the compiler has not ended in {BUILD_SECONDS:g} s; try again on an idle machine"
        ) from error
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "error" in line] or ["no word of why"]
        raise PluginBridgeError(f"the plugin cannot be compiled: {words[0]}; report this line")


def _describe(bundle: Path) -> None:
    """Let the LV2 plugin write its own description, in a process that may end badly."""
    code = (
        f"import {ctypes.__name__} as c; c.CDLL('./StemBridge.so').lv2_generate_ttl(b'StemBridge')"
    )
    _run_in(bundle, [sys.executable, "-c", code])
    if not (bundle / "manifest.ttl").is_file():
        raise PluginBridgeError("the LV2 plugin has not described itself; report this")


def _run_in(folder: Path, command: list[str]) -> None:
    subprocess.run(command, cwd=folder, capture_output=True, timeout=BUILD_SECONDS, check=False)


def _place(made: Path, target: Path) -> None:
    """Put a file or folder into its place, whole or not at all."""
    fresh = target.with_name(f".{target.name}.new")
    old = target.with_name(f".{target.name}.old")
    for left in (fresh, old):
        _remove(left)
    if made.is_dir():
        shutil.copytree(made, fresh)
    else:
        shutil.copy2(made, fresh)
    # Not overwritten in place: a DAW may have the old one open.
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
