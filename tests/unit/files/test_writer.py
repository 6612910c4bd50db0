"""Writing: exact integers, honest clip counts, nothing half-written."""

import errno
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge.errors import AudioFileError, PluginBridgeError
from plugin_bridge.files.writer import AudioWriter, write_error
from tests.tiny import hiss, read_audio, write_audio


def _write(path: Path, samples: Any, depth: str) -> AudioWriter:
    with AudioWriter(path, 44100, samples.shape[0], depth) as writer:
        writer.write(samples)
        writer.commit()
    return writer


def test_sixteen_bits_in_are_sixteen_bits_out(tmp_path: Path) -> None:
    """Every 16-bit code that Pedalboard reads is written back as the same code."""
    codes = np.arange(-32768, 32768, dtype=np.int16)
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(codes.tobytes())
    writer = _write(tmp_path / "out.wav", read_audio(tmp_path / "in.wav"), "16")
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert np.array_equal(np.frombuffer(file.readframes(70000), np.int16), codes)
    assert writer.clipped.tolist() == [0]


@pytest.mark.parametrize(("depth", "name"), [("16", "x.wav"), ("24", "x.wav"), ("24", "x.flac")])
def test_integers_are_rounded_to_nearest(tmp_path: Path, depth: str, name: str) -> None:
    """Integer files are within half a step of the samples, without a bias."""
    samples = hiss(20000)
    _write(tmp_path / name, samples, depth)
    error = (read_audio(tmp_path / name) - samples).astype(np.float64) * (2 ** (int(depth) - 1) - 1)
    # float32 itself adds up to half a step at 24 bits
    assert np.abs(error).max() <= 0.51 * (2 if depth == "24" else 1)
    assert abs(error.mean()) < 0.02


@pytest.mark.parametrize("depth", ["16", "24"])
def test_samples_over_full_scale_are_clipped_and_counted(tmp_path: Path, depth: str) -> None:
    """Clipped samples are counted per channel; 32f holds them and counts none."""
    samples = np.array([[0.5, 1.2, -1.2, 3.0], [1.0, -1.0, 0.0, 0.1]], np.float32)
    assert _write(tmp_path / "a.wav", samples, depth).clipped.tolist() == [3, 0]
    assert np.abs(read_audio(tmp_path / "a.wav")).max() <= 1.0001
    assert _write(tmp_path / "b.wav", samples, "32f").clipped.tolist() == [0, 0]
    assert np.array_equal(read_audio(tmp_path / "b.wav"), samples)


def test_no_final_name_without_commit(tmp_path: Path) -> None:
    """A file that was not committed leaves nothing, and leaves an older one alone."""
    write_audio(tmp_path / "a.wav", hiss(10))
    before = (tmp_path / "a.wav").read_bytes()

    def interrupted() -> None:
        with AudioWriter(tmp_path / "a.wav", 44100, 2, "32f") as writer:
            writer.write(hiss(1000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == before


def test_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC while writing raises our error, names the file, and removes the temporary one."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 20000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    real = Path.open

    def opened(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.suffix == ".part":
            real(path, *args, **kwargs).close()
            return Full()
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(PluginBridgeError, match=r"disk is full.*a\.wav.*free some space"):
        _write(tmp_path / "a.wav", hiss(50000), "32f")
    assert list(tmp_path.iterdir()) == []


def test_flac_limits_are_refused_with_the_way_out(tmp_path: Path) -> None:
    """What flac cannot hold is refused by name."""
    with pytest.raises(AudioFileError, match="--bit-depth 24"):
        AudioWriter(tmp_path / "a.flac", 44100, 2, "32f")
    with pytest.raises(AudioFileError, match="--format wav"):
        AudioWriter(tmp_path / "a.flac", 44100, 10, "24")


def test_errors_of_the_folder_are_the_users(tmp_path: Path) -> None:
    """A permission is the user's to change; an I/O error is the machine's."""
    denied = write_error(tmp_path, PermissionError(errno.EACCES, "Permission denied"))
    broken = write_error(tmp_path, OSError(errno.EIO, "Input/output error"))
    assert isinstance(denied, AudioFileError)
    assert type(broken) is PluginBridgeError
