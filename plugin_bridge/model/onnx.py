"""A model file, and streams of calls through it.

Rules of this file
  1. A file is read once: what is hashed is what runs.
  2. The graph's signature is checked against the card before anything runs, and the
     first call of a stream checks the lengths that the signature leaves open.
  3. States alternate between two preallocated sets by IO binding: a call allocates
     nothing.
"""

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import ModelContractError, ModelFileError
from plugin_bridge.model import store
from plugin_bridge.model.card import METADATA_KEY, Card, parse
from plugin_bridge.model.providers import choose_session, open_cpu_session
from plugin_bridge.model.signature import Axis, check_signature, signature

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class Model:
    """A model file that follows the contract.

    Parameters
    ----------
    model : str or Path, a name that `store.find` knows, or a path
    provider : "auto" (CUDA where it works and is faster), "cpu" or "cuda"

    Attributes
    ----------
    path : Path
    card : Card
    sha256 : str, hexadecimal digest of the file
    provider : str, the execution provider in use

    Raises
    ------
    ModelFileError
        If there is no such file, or it is not a self-contained ONNX file.
    ModelContractError
        If card and graph disagree, or the card breaks the contract.
    ProviderError
        If CUDA was asked for and is not in use.

    Notes
    -----
    Thread: [main]
    """

    def __init__(self, model: str | Path, provider: str = "auto") -> None:
        self.path = store.find(model)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelFileError(
                f"{self.path} cannot be read ({error.strerror}); name an .onnx file"
            ) from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        plain = _open(content, self.path.name)
        self.card = _read_card(plain, self.path.name)
        check_signature(plain, self.card, self.path.name)
        self._session = choose_session(plain, content, provider, _blank_feed(plain, self.card))
        self.provider: str = self._session.get_providers()[0]

    def stream(self, free: int) -> "Stream":
        """Open a stream of calls with states of its own.

        Parameters
        ----------
        free : int, length of the axis that the contract leaves open: frames per call of a
            streaming model, batch of a windowed one; 1 for the other kinds

        Raises
        ------
        ModelContractError
            If the graph's outputs do not have the shapes that the card states.

        Notes
        -----
        Thread: [main]
        """
        return Stream(self._session, self.card, free, self.path.name)


class Stream:
    """Calls through a model, each starting from the states that the last one left.

    Attributes
    ----------
    input : float32, write the next input here; shape by the card's kind

    Notes
    -----
    Thread: [worker]; made on [main]
    """

    def __init__(self, session: "InferenceSession", card: Card, free: int, source: str) -> None:
        inputs, outputs = signature(card)
        self._session = session
        self._name, self._raw_name = _main_names(session, card)
        self.input = np.zeros(_lengths(inputs, free), np.float32)
        self._raw = np.zeros(_lengths(outputs, free), np.float32)
        batch = free if card.kind == "windowed" else 1
        shapes = [(state.shape[0] * batch, *state.shape[1:]) for state in card.states]
        self._sets = [[np.zeros(shape, np.float32) for shape in shapes] for _ in range(2)]
        self._turn = 0
        self._check_shapes(card, source)
        self._bindings = [self._bind(card, self._sets[i], self._sets[1 - i]) for i in range(2)]

    def run(self) -> FloatArray:
        """Call the network once with `input`.

        Returns
        -------
        raw : float32, shape by the card's kind, valid until the next call and free to be
            changed. All NaN when a state became non-finite: the states are zero again then.

        Notes
        -----
        Thread: [worker]
        """
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        # A sum is finite only if every addend is; it needs no temporary array.
        if not all(math.isfinite(state.sum()) for state in self._sets[self._turn]):
            self.reset()
            self._raw[...] = np.nan
        return self._raw

    def reset(self) -> None:
        """Set all states to zero.

        Notes
        -----
        Thread: [worker]
        """
        for states in self._sets:
            for state in states:
                state[...] = 0

    def _check_shapes(self, card: Card, source: str) -> None:
        feed = {self._name: self.input}
        feed |= {s.input: array for s, array in zip(card.states, self._sets[0], strict=True)}
        names = [self._raw_name, *(state.output for state in card.states)]
        try:
            results = self._session.run(names, feed)
        except Exception as error:
            if not _from_onnxruntime(error):
                raise
            raise ModelContractError(
                f"{source}: the graph does not run on the card's shapes ({_brief(error)}); "
                "check the card's states, frames and channels"
            ) from error
        for name, result, wanted in zip(names, results, [self._raw, *self._sets[1]], strict=True):
            if result.shape != wanted.shape:
                raise ModelContractError(
                    f"{source}: output {name!r} has the shape {list(result.shape)}, the card "
                    f"makes it {list(wanted.shape)}; correct the card or export again"
                )

    def _bind(self, card: Card, before: list[FloatArray], after: list[FloatArray]) -> object:
        binding = self._session.io_binding()
        states_in = [(state.input, array) for state, array in zip(card.states, before, strict=True)]
        states_out = [
            (state.output, array) for state, array in zip(card.states, after, strict=True)
        ]
        for name, array in [(self._name, self.input), *states_in]:
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        for name, array in [(self._raw_name, self._raw), *states_out]:
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


def _open(content: bytes, source: str) -> "InferenceSession":
    _refuse_external_data(content, source)
    try:
        return open_cpu_session(content)
    except Exception as error:
        if not _from_onnxruntime(error):
            raise
        raise ModelFileError(
            f"{source} is not an ONNX model that onnxruntime can load ({_brief(error)}); "
            "name a model from plugin-bridge models list, or export it again"
        ) from error


def _refuse_external_data(content: bytes, source: str) -> None:
    # Entries of external data name their place with this key. Only then is the
    # slow import worth its time.
    if b"location" not in content:
        return
    import onnx

    try:
        graph = onnx.load_model_from_string(content).graph
    except Exception as error:
        raise ModelFileError(
            f"{source} is not an ONNX model ({_brief(error)}); name a model from plugin-bridge "
            "models list, or export it again"
        ) from error
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ModelFileError(
                f"{source} keeps {tensor.name!r} in another file; a model is exactly one .onnx "
                "file: save it again without external data"
            )


def _read_card(session: "InferenceSession", source: str) -> Card:
    metadata = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in metadata:
        raise ModelContractError(
            f"{source} has no card; add it as JSON under the metadata key {METADATA_KEY}, "
            "as models/export.py does"
        )
    return parse(metadata[METADATA_KEY], source)


def _main_names(session: "InferenceSession", card: Card) -> tuple[str, str]:
    """Find the one input and the one output that are not states."""
    held = {state.input for state in card.states}, {state.output for state in card.states}
    name = next(i.name for i in session.get_inputs() if i.name not in held[0])
    raw = next(o.name for o in session.get_outputs() if o.name not in held[1])
    return name, raw


def _lengths(axes: tuple[Axis, ...], free: int) -> tuple[int, ...]:
    return tuple(free if axis.length is None else axis.length for axis in axes)


def _blank_feed(session: "InferenceSession", card: Card) -> dict[str, FloatArray]:
    name, _ = _main_names(session, card)
    feed = {name: np.zeros(_lengths(signature(card)[0], 1), np.float32)}
    return feed | {state.input: np.zeros(state.shape, np.float32) for state in card.states}


def _from_onnxruntime(error: Exception) -> bool:
    return type(error).__module__.startswith("onnxruntime")


def _brief(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.split(" : ")[-1][:160]
