"""The listening test's page in headless Chromium, opened from disk, by keyboard alone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from models.data.sound import Floats
from models.listening.key import SCALES, Key
from models.listening.panel import Panel
from models.listening.ratings import together
from models.listening.sitting import build
from models.listening.trials import Trial
from tests.workshop.browser import chromium, complaints

pytestmark = pytest.mark.system("chromium", "chromium-driver")

RATE = 44_100
SECONDS = 2.0
# Where the sound is, and when: read again where the clock went on in between.
PLACE = """(() => { for (;;) {
  const time = context.currentTime, place = player.position;
  if (time === context.currentTime) return [place, time];
} })()"""
PATIENCE = 60  # seconds; only how long a failure takes
# what each condition sounds like, so that what is heard tells which one it is
HERTZ = {"reference": 440, "mixture": 1000, "anchor": 2000, "baseline": 3000, "lastframe": 4000}

# Plays three sounds that are ramps, offline: what comes out tells the sound and its place.
RAMPS = """
const [done, commands] = [arguments[arguments.length - 1], arguments[0]];
const [rate, seconds] = [8000, 4];
const offline = new OfflineAudioContext(1, rate * seconds, rate);
const buffers = new Map([["a", 1], ["b", 2], ["c", 3]].map(([name, level]) => {
  const buffer = offline.createBuffer(1, rate, rate);
  buffer.getChannelData(0).forEach((_, i, data) => { data[i] = level + i / rate; });
  return [name, buffer];
}));
let stopped = 0;
const ramps = new Player(offline, buffers, "a", () => { stopped += 1; });
const places = [];
for (const [time, name, ...given] of commands) {
  const call = () => { ramps[name](...given); places.push(ramps.position); };
  if (time) offline.suspend(time).then(() => { call(); offline.resume(); });
  else call();
}
offline.startRendering().then((made) => done(
  { heard: Array.from(made.getChannelData(0)), places, stopped, playing: ramps.playing }));
"""


def tone(hertz: float) -> Floats:
    """Give a sine in both channels."""
    wave = 0.2 * np.sin(2 * np.pi * hertz * np.arange(round(SECONDS * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Key]:
    """Build a test of two trials; its codes are digits, which JavaScript puts before all names."""
    folder = tmp_path_factory.mktemp("listening") / "test"
    sounds = {name: tone(hertz) for name, hertz in HERTZ.items()}
    trials = [Trial("song", stem, 0.0, sounds, RATE) for stem in ("vocals", "drums")]
    codes = map(str, np.random.default_rng(0).permutation(np.arange(1000, 2000)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda _: next(codes))
        return folder, build(folder, trials)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the browser."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser, once."""
    driver = chromium(downloads)
    yield driver
    driver.quit()


Page = Callable[[], "Sitting"]


class Sitting:
    """A listener before the page."""

    def __init__(self, driver: webdriver.Chrome, folder: Path, *, new: bool = False) -> None:
        self.driver = driver
        self.address = (folder / "index.html").as_uri()
        driver.get(self.address)
        if not new:  # what the last listener left behind
            driver.execute_script("localStorage.clear()")
            driver.get(self.address)
        complaints(driver)

    def ask(self, script: str) -> Any:
        """Evaluate an expression in the page."""
        return self.driver.execute_script(f"return {script}")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: self.ask(script), script)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the keyboard is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def begin(self, name: str = "Ada", seed: str = "7") -> None:
        """Type name and number, go on by keyboard, and wait for the sounds."""
        self.driver.find_element(By.ID, "name").send_keys(name)
        field = self.driver.find_element(By.ID, "seed")
        field.clear()
        field.send_keys(seed, Keys.ENTER)
        self.wait("player !== null")

    @property
    def conditions(self) -> list[str]:
        """Codes of the trial's sounds, from A on."""
        return list(self.ask("trials[notes.trial].conditions"))

    @property
    def trial(self) -> str:
        """Code of the trial."""
        return str(self.ask("trials[notes.trial].code"))

    @property
    def status(self) -> str:
        """What was told last."""
        return str(self.driver.find_element(By.ID, "status").text)

    def pitch(self) -> float:
        """Give the strongest frequency of what comes out, in Hz, once a change is over."""
        script = """
            const done = arguments[arguments.length - 1];
            const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
            player.out.connect(analyser);
            const begin = context.currentTime;
            const timer = setInterval(() => {
              if (context.currentTime < begin + 0.25) return;
              clearInterval(timer);
              const levels = new Float32Array(analyser.frequencyBinCount);
              analyser.getFloatFrequencyData(levels);
              player.out.disconnect(analyser);
              const most = levels.indexOf(Math.max(...levels));
              done(levels[most] > -60 ? (most * context.sampleRate) / analyser.fftSize : 0);
            }, 10);
        """
        self.driver.set_script_timeout(PATIENCE)
        return float(self.driver.execute_async_script(script))

    def heard(self) -> str:
        """Give the condition that comes out, or ''."""
        pitch = self.pitch()
        near = [name for name, hertz in HERTZ.items() if abs(hertz - pitch) < 50]
        return near[0] if near else ""


@pytest.fixture
def page(browser: webdriver.Chrome, made: tuple[Path, Key]) -> Iterator[Sitting]:
    """Open the page as somebody new; whatever it complains of fails the test."""
    sitting = Sitting(browser, made[0])
    yield sitting
    assert complaints(browser) == []


def ramps(page: Sitting, *commands: list[Any]) -> dict[str, Any]:
    """Run the page's player offline; commands are [seconds, method, arguments...]."""
    page.driver.set_script_timeout(PATIENCE)
    found = page.driver.execute_async_script(RAMPS, list(commands))
    return {**found, "heard": np.array(found["heard"])}


def test_another_sound_goes_on_at_the_same_sample(page: Sitting) -> None:
    """Before and after every change each sample is the one of its time; the change takes 10 ms."""
    begun = 160  # samples from asking to sounding, at 8 kHz
    # changes come with the blocks of 128 samples in which a context renders
    first, second = 2048, 4096
    made = ramps(page, [0, "play"], [first / 8000, "choose", "b"], [second / 8000, "choose", "c"])
    place = (np.arange(32_000) - begun) / 8000
    change = 80
    for start, end, level in (
        (begun + 40, first, 1),
        (first + change, second, 2),
        (second + change, begun + 8000 - 40, 3),
    ):
        part = slice(start + 1, end - 1)
        np.testing.assert_allclose(made["heard"][part], level + place[part], atol=1e-4)
    between = made["heard"][first : first + change + 1] - place[first : first + change + 1]
    assert (np.diff(between) >= -1e-4).all()  # from one to the other without a dip
    assert made["places"][1] == pytest.approx((first - begun) / 8000, abs=1e-6)


def test_a_loop_comes_round_with_faded_ends(page: Sitting) -> None:
    """From 0.25 to 0.85 s, again and again, 5 ms of fade at each end, in step for good."""
    made = ramps(page, [0, "section", 0.25, 0.85], [0, "play"])
    length = 4800
    rounds = made["heard"][160 : 160 + 6 * length].reshape(6, length)
    assert np.ptp(rounds, axis=0).max() < 1e-4
    np.testing.assert_allclose(
        rounds[0][40:-40], 1.25 + np.arange(40, length - 40) / 8000, atol=1e-4
    )
    assert abs(rounds[0][[0, -1]]).max() < 0.01
    assert (np.diff(rounds[0][:40]) > 0).all()


def test_without_a_loop_it_ends_at_the_end(page: Sitting) -> None:
    """Once to the end, then silence, and back at the beginning; a pause keeps its place."""
    made = ramps(page, [0, "repeat", False], [0, "play"], [2, "seek", 0])
    assert made["stopped"] == 1
    assert not made["playing"]
    assert np.abs(made["heard"][160 + 8000 :]).max() == 0
    paused = ramps(page, [0, "play"], [0.512, "pause"], [1.024, "play"])
    assert paused["places"][1:] == pytest.approx([0.492, 0.492], abs=1e-6)
    again = 8192 + 160
    part = slice(again + 40, again + 2000)
    place = 1.492 + (np.arange(32_000) - again) / 8000
    np.testing.assert_allclose(paused["heard"][part], place[part], atol=1e-4)


def test_a_listener_hears_rates_saves_and_is_read(
    page: Sitting, made: tuple[Path, Key], downloads: Path
) -> None:
    """By keyboard alone: what is heard is what the key says, and the file holds what was rated."""
    _, key = made
    page.begin()
    page.press(" ")
    page.wait("player.playing && player.position > 0.1")
    assert page.heard() == "reference"
    expected: dict[str, dict[str, dict[str, float]]] = {}
    for number in range(2):
        conditions, trial = page.conditions, page.trial
        for i, code in enumerate(conditions):
            place = page.ask(PLACE)
            page.press(str(i + 1))
            there = page.ask(PLACE)
            # time went on while the sound changed, by the clock of the sound
            went = (there[0] - place[0] - (there[1] - place[1]) + 1) % SECONDS - 1
            assert went == pytest.approx(0, abs=1e-6)
            if number == 0:
                assert page.heard() == key.trials[trial].conditions[code]
            # from 50: Home, End and Page Up are the browser's own
            page.press(SCALES[0][0], Keys.HOME, *[Keys.ARROW_RIGHT] * (i + 1))
            page.press(SCALES[1][0], Keys.END, Keys.ARROW_LEFT)
            page.press(SCALES[2][0], Keys.SHIFT + Keys.ARROW_RIGHT)
            expected.setdefault(trial, {})[code] = dict(zip(SCALES, (i + 1, 99, 60), strict=True))
        page.press("m")
        assert page.ask("player.heard") == "mixture"
        if number == 0:
            assert page.heard() == "mixture"
            page.press("n")
            page.wait("notes.trial === 1 && player !== null")
            page.press(" ")
            page.wait("player.playing && player.position > 0")  # it begins a little later
    page.press("n")
    assert page.driver.find_element(By.ID, "finish-title").text == "Thank you"
    page.press("s")
    file = downloads / "downloads" / f"ratings-{key.test}-7.json"
    WebDriverWait(page.driver, PATIENCE, 0.05).until(lambda _: file.exists())
    (ratings,), refused = together([file], key)
    assert not refused
    assert ratings.ratings == expected
    assert str(ratings.listener) == "Ada (7)"
    panel = Panel.of([ratings], key)
    assert panel.ratings("lastframe", "artefacts").tolist() == [[99]]


@pytest.fixture
def newcomer(made: tuple[Path, Key], tmp_path: Path) -> Iterator[Sitting]:
    """Open the page in a browser of its own: a store cleared before may be cleared late."""
    driver = chromium(tmp_path / "browser")
    yield Sitting(driver, made[0], new=True)
    driver.quit()


def test_progress_is_kept(newcomer: Sitting) -> None:
    """After closing and opening again: name, order, trial and ratings are as they were."""
    page = newcomer
    page.begin("Béla", "12")
    page.press("n")
    page.wait("notes.trial === 1 && player !== null")
    page.press("2", Keys.END)
    before = page.ask("[trials, notes.ratings]")
    assert page.ask("notes.name") == "Béla"

    def opened_again() -> bool:
        # a browser hands what one page stored to the next one a little later
        page.driver.get(page.address)
        return bool(page.ask("notes.name"))

    WebDriverWait(page.driver, PATIENCE, 0.5).until(lambda _: opened_again())
    assert page.ask("notes.name") == "Béla"
    assert page.driver.find_element(By.ID, "seed").get_attribute("readonly")
    page.driver.find_element(By.ID, "begin").send_keys(Keys.ENTER)
    page.wait("player !== null")
    assert page.ask("[trials, notes.ratings]") == before
    assert page.ask("notes.trial") == 1
    page.press("2")
    assert page.driver.switch_to.active_element.get_attribute("aria-valuetext") == "100, excellent"


def test_sliders_count_only_when_set(page: Sitting) -> None:
    """Untouched ones say so; Enter lets one count where it stands; arrows walk along the sounds."""
    page.begin()
    page.press("3")
    slider = page.driver.switch_to.active_element
    assert slider.get_attribute("aria-label") == "Sound C, isolation"
    assert slider.get_attribute("aria-valuetext") == "not rated"
    assert page.ask("notes.ratings") == {}
    page.press(Keys.ENTER)
    assert slider.get_attribute("aria-valuetext") == "50, fair"
    page.press(Keys.ARROW_UP, Keys.ARROW_RIGHT, "b")
    slider = page.driver.switch_to.active_element
    assert slider.get_attribute("aria-label") == "Sound B, bleed"
    assert page.ask("player.heard") == page.conditions[1]
    assert page.ask("notes.ratings") == {
        page.trial: {page.conditions[2]: {"isolation": 50}, page.conditions[1]: {"isolation": 51}}
    }


def test_every_control_has_a_name(page: Sitting) -> None:
    """Buttons, sliders and fields are named for those who do not see them, on both screens."""
    page.driver.execute_cdp_cmd("Accessibility.enable", {})
    for begin in (False, True):
        if begin:
            page.begin()
        nodes = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        controls = [
            node
            for node in nodes
            if not node["ignored"] and node["role"]["value"] in {"button", "slider", "textbox"}
        ]
        assert len(controls) > (20 if begin else 2)
        assert all(node["name"]["value"].strip() for node in controls)
    page.driver.execute_cdp_cmd("Accessibility.disable", {})


def test_the_order_is_the_seeds(page: Sitting) -> None:
    """The same for the same seed, and over 600 seeds every sound is at every place as often."""
    script = """[...Array(600).keys()].map((seed) => {
        const made = ordered(test.trials, seed);
        return [made[0].code, ...made.find((t) => t.code === test.trials[0].code).conditions];
    })"""
    orders = page.ask(script)
    assert page.ask(script) == orders
    codes = page.ask("test.trials[0].conditions")
    for place in range(1, 1 + len(codes)):
        counts = [sum(order[place] == code for order in orders) for code in codes]
        # 120 of 600 each; four deviations of chance are 39
        assert max(abs(count - 600 / len(codes)) for count in counts) < 39
    first = page.ask("test.trials[0].code")
    assert abs(sum(order[0] == first for order in orders) - 300) < 49


def test_a_missing_file_is_said(
    browser: webdriver.Chrome, made: tuple[Path, Key], tmp_path: Path
) -> None:
    """The page alone tells what it lacks, and goes on to the next trial."""
    folder = tmp_path / "test"
    folder.mkdir()
    (folder / "index.html").write_bytes((made[0] / "index.html").read_bytes())
    sitting = Sitting(browser, folder)
    browser.find_element(By.ID, "begin").send_keys(Keys.ENTER)
    sitting.wait("document.getElementById('status').textContent.includes('keep the page')")
    assert f"sounds/{sitting.trial}.js is not beside the page" in sitting.status
    sitting.press("n")
    assert sitting.ask("notes.trial") == 1


def test_without_storage_it_works_and_says_so(page: Sitting) -> None:
    """Where a browser keeps nothing the listener is told to save, and can."""
    refuse = "Object.defineProperty(window, 'localStorage', {get() {throw new Error('no')}})"
    script = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": refuse}
    )
    try:
        page.driver.get(page.address)
        assert "save your ratings" in page.driver.find_element(By.ID, "kept").text
        page.begin()
        page.press("1", Keys.END)
        saved = json.loads(page.ask("notes.file()"))
        assert saved["ratings"] == {page.trial: {page.conditions[0]: {"isolation": 100}}}
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_every_key_that_acts_is_told(page: Sitting) -> None:
    """The list of keys names each that does something."""
    told = " ".join(page.ask("KEYS.map(([keys]) => keys)"))
    acting = page.ask("Object.keys(ACTIONS)")
    names = {" ": "Space", "ArrowUp": "↑", "ArrowDown": "↓"}
    missing = [
        each for each in acting if names.get(each, each.upper()) not in told and each not in told
    ]
    assert missing == []
