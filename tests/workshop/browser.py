"""Headless Chromium for the tests of the listening test's page."""

import os
from pathlib import Path
from shutil import which
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# no window, no calls home, a folder of its own
OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


def chromium(folder: Path) -> webdriver.Chrome:
    """Start a browser that keeps everything in a folder, downloads in folder/downloads."""
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium") or "chromium"
    for option in (*OPTIONS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(option)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # which Chromium refuses to root
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(folder / "downloads")}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # selenium fetches a driver where none is named
    return webdriver.Chrome(options=options, service=Service(which("chromedriver")))


def complaints(driver: webdriver.Chrome) -> list[dict[str, Any]]:
    """Give what the console was told since the last call."""
    return list(driver.get_log("browser"))  # type: ignore[no-untyped-call]
