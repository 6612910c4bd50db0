"""What the rest of the program needs of a model, whatever is behind it."""

from typing import Protocol

from plugin_bridge.dsp import FloatArray
from plugin_bridge.model.card import Card


class AnyStream(Protocol):
    """Calls through a model that keeps its own states; see `onnx.Stream`."""

    input: FloatArray

    def run(self) -> FloatArray:
        """Call the network once with `input`; the result may be changed in place."""

    def reset(self) -> None:
        """Set all states to zero."""


class AnyModel(Protocol):
    """A card, and streams of calls; `onnx.Model` is one, and so are those of `testing`."""

    card: Card
    provider: str
    sha256: str

    def stream(self, free: int) -> AnyStream:
        """Open a stream of calls with states of its own; see `onnx.Model.stream`."""


class Kind(Protocol):
    """Samples in, stems out, one step at a time.

    Attributes
    ----------
    step : int, samples taken and given per call
    delay : int, samples by which the stems lag behind
    nonfinite_frames : int, frames silenced because the network gave no number
    """

    step: int
    delay: int
    nonfinite_frames: int

    @property
    def tail(self) -> FloatArray:
        """What would follow the last step, faded out, if no step followed."""

    def process(self, samples: FloatArray) -> FloatArray:
        """Turn (channels, step) into (stems, channels, step), valid until the next call."""

    def reset(self) -> None:
        """Forget the past."""
