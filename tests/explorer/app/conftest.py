"""The app in a process of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[3]
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PICTURES = "JEPAKIT_SCREENSHOTS"  # folder of the screenshots; a temporary one if not set
START_S = 240
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's folder of runs, empty at first."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def address(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an app that was just started, with no runs: the bundled model only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("explorer")
    words = [sys.executable, "explore.py", "--port", str(port), "--artifacts", str(folder)]
    words += ["--runs", str(runs)]
    log = folder / "log.txt"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with log.open("w") as told:
        app = subprocess.Popen(words, cwd=ROOT, stdout=told, stderr=told, env=environment)
    try:
        _wait_until(lambda: "http://" in log.read_text() or app.poll() is not None, START_S)
        assert app.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}/"
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        app.terminate()
        app.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; the tests are skipped without it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


class Complaints(list[str]):
    """What went wrong in a page: errors, messages of the console, requests to elsewhere."""

    def watch(self, page: Page) -> None:
        """Gather from a page."""
        page.on("pageerror", lambda error: self._told(f"page error: {error.stack}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self._told(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
            self._told(f"request to {request.url}")

    def _told(self, what: str) -> None:
        self.append(f"{os.environ.get('PYTEST_CURRENT_TEST')}: {what}")


@pytest.fixture(scope="module")
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, complaints: Complaints) -> Iterator[Page]:
    """The app with its first picture."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(WAIT_MS)
    complaints.watch(opened)
    opened.goto(address)
    opened.wait_for_selector("#first-view video")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page, str], None]:
    """Keep a picture of the whole page under a name."""
    folder = Path(os.environ.get(PICTURES) or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)

    def shot(page: Page, name: str) -> None:
        page.evaluate("document.querySelectorAll('.toast-close').forEach(one => one.click())")
        page.wait_for_timeout(700)
        page.screenshot(
            path=folder / f"{name}.jpg", full_page=True, type="jpeg", quality=60, scale="css"
        )

    return shot


def _wait_until(ready: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"not ready after {seconds} s"
        time.sleep(0.2)
