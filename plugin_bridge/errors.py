"""Every error and warning of plugin_bridge.

PluginBridgeError
  + SpecError            shapes, rates, block sizes (also a ValueError)
  + ArrayTypeError       not an array of audio, or arguments of a wrong type (also a TypeError)
  + ArrayLayoutError     channels and samples cannot be told apart (also a RuntimeError)
  + ModelError           ModelFileError        not a usable .onnx file
                         ModelContractError    card and graph disagree, or break the contract
                         ProviderError         the asked-for execution provider is not in use
  + AudioFileError       a file that cannot be read or written
  + DeviceError          DeviceNotFoundError, DeviceConfigError
  + MidiError
  + PresetError
  + MissingExtraError    names the extra to install
PluginBridgeWarning      the work goes on; one sentence says what to look at

A message says what was given, what is allowed and what to do.
"""

from collections.abc import Sequence
from difflib import get_close_matches


class PluginBridgeError(Exception):
    """Base of all errors raised by plugin_bridge."""


class SpecError(PluginBridgeError, ValueError):
    """A shape, rate, block size or option is not one of the allowed ones."""


class ArrayTypeError(PluginBridgeError, TypeError):
    """An argument of a Pedalboard-like call has a wrong type, as Pedalboard says it."""


class ArrayLayoutError(PluginBridgeError, RuntimeError):
    """An array does not tell channels from samples, as Pedalboard says it."""


class ModelError(PluginBridgeError):
    """A model cannot be used."""


class ModelFileError(ModelError):
    """The file is missing or is not a usable ONNX file."""


class ModelContractError(ModelError):
    """The model's card is broken, or says something else than its graph."""


class ProviderError(ModelError):
    """The requested execution provider is not in use."""


class AudioFileError(PluginBridgeError):
    """An audio file cannot be read or written."""


class DeviceError(PluginBridgeError):
    """An audio device cannot be used."""


class DeviceNotFoundError(DeviceError):
    """No audio device of that name exists."""


class DeviceConfigError(DeviceError):
    """The audio device refuses the asked-for settings."""


class MidiError(PluginBridgeError):
    """A MIDI port or mapping cannot be used."""


class PresetError(PluginBridgeError):
    """A preset cannot be read or does not fit."""


class MissingExtraError(PluginBridgeError):
    """An optional package is not installed; the message names the extra."""

    @classmethod
    def of(cls, need: str, extra: str, instead: str = "") -> "MissingExtraError":
        """Make one that says how to install an extra, in a clone and elsewhere.

        Parameters
        ----------
        need : what is missing, and for what
        extra : its name in pyproject.toml
        instead : what else to do

        Notes
        -----
        Thread: [any]
        """
        clone = f'pip install -c constraints/pins.txt -e ".[{extra}]"'
        how = f'in a clone {clone}, elsewhere pip install "plugin-bridge[{extra}]"'
        return cls(f"{need}; {how}{', or ' if instead else ''}{instead}")


class PluginBridgeWarning(UserWarning):
    """Something the user should look at; the work goes on."""


def hint(name: str, known: Sequence[str]) -> str:
    """Ask whether the name that is most alike was meant; nothing where none is.

    Examples
    --------
    >>> hint("vocal", ["vocals", "drums"]), hint("x", ["vocals", "drums"])
    ('did you mean vocals? ', '')

    Notes
    -----
    Thread: [any]
    """
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]}? " if close else ""


def suggest(name: str, known: Sequence[str]) -> str:
    """Give what may have been meant, or what there is.

    Examples
    --------
    >>> suggest("vocal", ["vocals", "drums"]), suggest("x", ["vocals", "drums"])
    ('did you mean vocals?', 'use one of vocals, drums')

    Notes
    -----
    Thread: [any]
    """
    if not known:
        return "there are none"
    return hint(name, known).rstrip() or f"use one of {', '.join(known)}"
