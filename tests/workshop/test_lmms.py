"""Stems of LMMS projects, with a project that the tests write."""

import os
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import __main__ as command
from models.data import folders, lmms
from models.data.library import FULL, RATE, UnusableError
from models.data.lmms import Sorting

LMMS = pytest.mark.system("lmms")
HELD_OUT = ("CapDan-ReggaeTry", "Alf42red-Mauiwowi", "Thomasso-AxeFromThe80s")
NAME = "Surrender-Main"  # has bass in track 1, drums in track 5 and in rows, the rest is other


def instrument(kind: str, keys: tuple[int, ...], muted: bool = False) -> str:
    """Write a track, or a row, of sines an eighth apart; LMMS numbers A at 440 Hz as 57."""
    notes = "".join(
        f'<note key="{key}" len="40" pos="{48 * i}" vol="100" pan="0"/>'
        for i, key in enumerate(keys)
    )
    return (
        f'<track type="0" name="{kind}" muted="{int(muted)}" solo="0"><instrumenttrack vol="60" '
        'pan="0" basenote="57" pitch="0" fxch="0"><instrument name="tripleoscillator">'
        '<tripleoscillator vol0="50" vol1="0" vol2="0" wavetype0="0" coarse0="0"/></instrument>'
        '</instrumenttrack><pattern type="1" name="" pos="0" muted="0" steps="16" len="192">'
        f"{notes}</pattern></track>"
    )


def project(*, loud: bool = False) -> Element:
    """Write a bar of a lead (0), a bass (1), a muted track (2), and a beat of two rows (3)."""
    row = instrument("row", (69, 69, 69, 69)).replace('type="1"', 'type="0"', 1)
    beat = (
        '<track type="1" name="beat" muted="0" solo="0"><bbtrack>'
        f'<trackcontainer type="bbtrackcontainer">{row}{row}</trackcontainer></bbtrack>'
        '<bbtco name="" pos="0" len="192" muted="0"/></track>'
    )
    amplifier = (
        '<effect name="amplifier" on="1" wet="1" autoquit="1" gate="0"><AmplifierControls '
        'volume="200" pan="0" left="100" right="100"/><key/></effect>'
    )
    return ElementTree.fromstring(
        '<lmms-project version="1.0" type="song" creator="LMMS" creatorversion="1.2.2">'
        '<head bpm="240" timesig_numerator="4" timesig_denominator="4" mastervol="100" '
        'masterpitch="0"/><song><trackcontainer type="song">'
        + instrument("lead", (57, 60, 64, 67))
        + instrument("bass", (33, 33, 36, 36))
        + instrument("off", (57, 57, 57, 57), muted=True)
        + beat
        + '</trackcontainer><fxmixer><fxchannel num="0" name="Master" volume="1" muted="0" '
        f'soloed="0"><fxchain enabled="{int(loud)}" numofeffects="1">{amplifier}</fxchain>'
        "</fxchannel></fxmixer></song></lmms-project>"
    )


def heard(element: Element) -> list[str]:
    """Places of the tracks that are not muted."""
    return [place for place, track in lmms.tracks(element) if track.get("muted") == "0"]


def share_below(track: NDArray[np.float32], hertz: float) -> float:
    """Share of the energy below a frequency."""
    power = (np.abs(np.fft.rfft(track)) ** 2).sum(0)
    return float(power[: int(hertz / RATE * 2 * len(power))].sum() / power.sum())


def test_the_table_keeps_what_is_held_out_and_names_each_place_once() -> None:
    """No project of the private test set is in it, every line has a licence and no place twice."""
    assert not set(HELD_OUT) & set(lmms.table())
    for name, line in lmms.table().items():
        places = [*line.drums, *line.bass, *line.other, *line.out, *line.always]
        assert len(places) == len(set(places)), name
        assert line.licence, name


def test_a_copy_is_muted_but_for_one_stem() -> None:
    """Rows are drums, tracks other, the table's places its stem; muted tracks stay muted."""
    whole = project(loud=True)
    sorting = Sorting(bass=("1",), out=("b1",))
    places = {"drums": ["b0"], "bass": ["1"], "other": ["0"]}
    for stem in lmms.PLAYED:
        places_of_stem = {place for place, _ in lmms.tracks(whole) if sorting.part(place) == stem}
        assert heard(lmms.alone(whole, places_of_stem.__contains__)) == places[stem]
    assert heard(whole) == ["0", "1", "b0", "b1"]
    chain = lmms.alone(whole, bool).find("song/fxmixer/fxchannel/fxchain")
    assert chain is not None
    assert chain.get("enabled") == "0"


def test_what_is_no_project_is_one_sentence(tmp_path: Path) -> None:
    """Missing, cut short, or no XML at all."""
    (tmp_path / "cut.mmpz").write_bytes(b"\0\0\0\1x\x9c\1")
    (tmp_path / "text.mmp").write_text("no project")
    for name in ("missing.mmp", "cut.mmpz", "text.mmp"):
        with pytest.raises(UnusableError, match=name) as caught:
            lmms.load(tmp_path / name)
        assert "\n" not in str(caught.value)


@LMMS
def test_stems_add_up_to_the_song() -> None:
    """Played at once, the project is the sum of its stems 60 dB above the rest; none clips."""
    sorting = Sorting(bass=("1",))
    parts = lmms.stems(project(), sorting)
    assert list(parts) == ["drums", "bass", "other"]
    song = lmms.render(lmms.alone(project(loud=True), lambda place: True))
    total = np.sum(list(parts.values()), axis=0)
    highest = max(np.abs(track).max() for track in (total, *parts.values()))
    assert highest == pytest.approx(FULL, 1e-4)
    song = np.pad(song, ((0, 0), (0, max(0, total.shape[1] - song.shape[1]))))[:, : total.shape[1]]
    gain = float((total * song).sum() / (song * song).sum())
    assert np.square(total - gain * song).sum() < 1e-6 * np.square(total).sum()
    assert share_below(parts["bass"], 200) > 0.9
    assert share_below(parts["other"], 200) < 0.1


@LMMS
def test_a_render_that_found_no_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMMS, whose writes fail from 100 KiB on as on a full disk, ends as if all were well."""
    (program := tmp_path / "lmms").write_text(
        f"#!/bin/sh\ntrap '' XFSZ\nulimit -f 200\nexec {shutil.which('lmms')} \"$@\"\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(UnusableError, match="is cut, as on a full disk; make room in"):
        lmms.render(project())


def test_a_song_in_the_making_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder begins with a dot, so that a build does not take it for one."""
    (path := tmp_path / f"{NAME}.mmp").write_bytes(ElementTree.tostring(project()))
    monkeypatch.setattr(lmms, "stems", lambda *_: {"bass": np.zeros((2, RATE), np.float32)})
    monkeypatch.setattr(lmms, "AudioFile", lambda file, *_, **__: pytest.fail(file))
    with pytest.raises(pytest.fail.Exception, match=rf"songs/\.{NAME}\.\d+\.part/bass\.flac"):
        lmms.export(tmp_path / "songs", path)


@LMMS
def test_projects_become_a_folder_of_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken project is skipped and named; the rest are own stems; nothing is made twice."""
    given, out = tmp_path / "projects", tmp_path / "songs"
    given.mkdir()
    ElementTree.ElementTree(project()).write(given / f"{NAME}.mmp")
    (given / "Skiessi-C64.mmp").write_text("<lmms-project")
    ElementTree.ElementTree(project()).write(given / f"{HELD_OUT[0]}.mmp")
    arguments = ["models.data", "lmms", "--projects", str(given), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert command.main() == 0
    said = capsys.readouterr().out
    assert f"{NAME}: drums bass other" in said
    assert "1 song skipped: Skiessi-C64" in said
    assert [each.name for each in out.iterdir()] == [NAME]
    (song,) = folders.recordings(out)
    assert set(song.load()) == set(lmms.PLAYED)
    assert command.main() == 0
    assert f"{NAME}: is there" in capsys.readouterr().out


def test_a_folder_without_projects_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence says where projects come from."""
    monkeypatch.setattr(
        sys, "argv", ["models.data", "lmms", "--projects", str(tmp_path), "--out", str(tmp_path)]
    )
    assert command.main() == 2
    assert "lmms-common" in capsys.readouterr().err
