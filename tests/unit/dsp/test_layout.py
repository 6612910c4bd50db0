"""Arrays of either layout, against Pedalboard's own reading of them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pedalboard_native._internal import AddLatency

from plugin_bridge.dsp.layout import Layout, check_arguments
from plugin_bridge.errors import ArrayLayoutError, ArrayTypeError, PluginBridgeError, SpecError

SHAPES = [(9,), (2, 9), (9, 2), (1, 9), (9, 1), (1, 1), (2, 1), (1, 2), (0,), (2, 0), (0, 2)]


@pytest.mark.parametrize("shape", [*SHAPES, (1, 0), (0, 1)])
def test_a_square_is_read_as_the_array_before_it(shape: tuple[int, ...]) -> None:
    """As a native plugin does: one that delays by a sample shows its time axis."""
    layout, native = Layout(), AddLatency(1)
    layout.unpack(np.zeros(shape, np.float32))
    native(np.zeros(shape, np.float32), 44100, reset=False)
    native(np.zeros((3, 3), np.float32), 44100, reset=False)
    square = np.arange(9, dtype=np.float32).reshape(3, 3)
    channels = layout.unpack(square)
    assert layout.form is not None
    delayed = np.pad(channels, ((0, 0), (1, 0)))[:, :3]
    np.testing.assert_array_equal(layout.form.pack(delayed), native(square, 44100, reset=False))


@given(shape=st.tuples(st.integers(0, 9), st.integers(0, 9)) | st.tuples(st.integers(0, 9)))
def test_unpacked_and_packed_is_the_same_array(shape: tuple[int, ...]) -> None:
    """In shape and samples, for every shape."""
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    layout = Layout()
    layout.unpack(np.zeros((5, 2)))
    samples = layout.unpack(array)
    assert layout.form is not None
    assert samples.flags.c_contiguous
    np.testing.assert_array_equal(layout.form.pack(samples), array)


@pytest.mark.parametrize("interleaved", [False, True])
def test_a_stream_goes_on_with_one_sample(interleaved: bool) -> None:
    """Its channels are those of the block before; a new signal is read as Pedalboard does."""
    layout = Layout()
    block, one = np.zeros((2, 256), np.float32), np.zeros((2, 1), np.float32)
    turned = [array.T if interleaved else array for array in (block, one)]
    layout.unpack(turned[0])
    assert layout.unpack(turned[1], stream=True).shape == (2, 1)
    assert layout.unpack(turned[0], stream=True).shape == (2, 256)
    assert layout.unpack(turned[1]).shape == (1, 2)


@pytest.mark.parametrize("dtype", ["float64", ">f4", ">f8", "float32"])
def test_floats_become_native_float32(dtype: str) -> None:
    """Of 32 and 64 bits, in any byte order."""
    samples = Layout().unpack(np.ones((2, 9), dtype))
    assert samples.dtype == np.float32
    assert samples.dtype.isnative
    assert (samples == 1).all()


@pytest.mark.parametrize("dtype", ["int16", "int32", "float16", "longdouble", "complex64", "bool"])
def test_other_types_raise_what_pedalboard_raises(dtype: str) -> None:
    """A TypeError, and ours."""
    array = np.zeros((2, 9), dtype)
    with pytest.raises(TypeError):
        AddLatency(1)(array, 44100)
    with pytest.raises(ArrayTypeError, match=f"the audio is {array.dtype}, only float32") as error:
        Layout().unpack(array)
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, PluginBridgeError)


@pytest.mark.parametrize("array", [None, [[0.0] * 9] * 2, "audio", memoryview(bytes(8))])
def test_what_is_no_array_raises_what_pedalboard_raises(array: Any) -> None:
    """A TypeError, and ours."""
    with pytest.raises(TypeError):
        AddLatency(1)(array, 44100)
    with pytest.raises(ArrayTypeError, match="give a numpy array"):
        Layout().unpack(array)


@pytest.mark.parametrize("shape", [(2, 2), (0, 0), (7, 7), (), (2, 2, 2), (1, 1, 9)])
def test_shapes_that_say_nothing_raise_what_pedalboard_raises(shape: tuple[int, ...]) -> None:
    """A RuntimeError, and ours."""
    array = np.zeros(shape, np.float32)
    with pytest.raises(RuntimeError):
        AddLatency(1)(array, 44100)
    with pytest.raises(ArrayLayoutError, match=r"the shape|axes; give one") as error:
        Layout().unpack(array)
    assert isinstance(error.value, RuntimeError)
    assert isinstance(error.value, PluginBridgeError)


@pytest.mark.parametrize(
    "arguments", [(None, 8192, True), ("44100", 8192, True), (44100, 1.5, True), (44100, 1, "no")]
)
def test_arguments_of_wrong_types_raise_what_pedalboard_raises(arguments: tuple[Any, ...]) -> None:
    """A TypeError, and ours."""
    with pytest.raises(TypeError):
        AddLatency(1)(np.zeros((2, 9), np.float32), *arguments)
    with pytest.raises(ArrayTypeError, match=r"(sample_rate|buffer_size|reset) is .*; give "):
        check_arguments(*arguments)


@pytest.mark.parametrize(
    "arguments", [(np.float32(44100), 8192, True), (44100, np.int64(1), None), (44100, 1, 1)]
)
def test_arguments_that_pedalboard_takes_are_taken(arguments: tuple[Any, ...]) -> None:
    """Numbers of numpy, too."""
    AddLatency(1)(np.zeros((2, 9), np.float32), *arguments)
    check_arguments(*arguments)


@pytest.mark.parametrize("size", [0, -1])
def test_an_empty_buffer_is_refused(size: int) -> None:
    """A native plugin would never return."""
    with pytest.raises(SpecError, match=f"buffer_size is {size}; give at least 1"):
        check_arguments(44100, size, True)
