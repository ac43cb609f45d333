"""How long a new user waits: for the explorer's page, and for the first latent video to play."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.harness import emit, show

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PAGE_S, PICTURE_S = 3.0, 10.0
VISITS = 3
START_S = 300.0
PLAYS = "document.querySelector('#first-view video')?.readyState >= 2"


def main() -> None:
    """Start the app as a user does, visit it at once, then again, and print the times."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("There is no chromium on this machine.")
    with tempfile.TemporaryDirectory() as folder:
        app, address, started = _start(Path(folder))
        try:
            visits = _visits(program, address)
        finally:
            app.terminate()
            app.wait(30)
    page, picture = visits[0]  # of the visit that follows the start at once
    warm_page = median(one for one, _ in visits[1:])
    warm_picture = median(two for _, two in visits[1:])
    rows = [
        ["page loaded", page, warm_page, PAGE_S],
        ["first latent video plays", picture, warm_picture, PICTURE_S],
    ]
    show(
        "Wall seconds from opening the address, headless Chromium on the same cores",
        ["", "first visit", f"median of {VISITS - 1} more", "limit"],
        rows,
    )
    print(f"The program itself takes {started:.1f} s until it listens.")
    emit(
        "explorer_first_picture",
        {
            "page_s": page,
            "picture_s": picture,
            "warm_page_s": warm_page,
            "warm_picture_s": warm_picture,
            "start_s": started,
            "load_average": os.getloadavg()[0],
            "within": page <= PAGE_S and picture <= PICTURE_S,
        },
    )


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], str, float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "explore.py", "--port", str(port), "--artifacts", str(folder)]
    began = time.perf_counter()
    app = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not _answers(port):
        if app.poll() is not None or time.perf_counter() - began > START_S:
            app.kill()
            sys.exit("The explorer did not start.")
        time.sleep(0.1)
    return app, f"http://127.0.0.1:{port}/", time.perf_counter() - began


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _visits(program: str, address: str) -> list[tuple[float, float]]:
    """Seconds to the page and to the picture, each visit with an empty cache."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=FLAGS)
        for _ in range(VISITS):
            page: Any = browser.new_context().new_page()
            began = time.perf_counter()
            page.goto(address, wait_until="load")
            page.wait_for_selector("#head h1")
            loaded = time.perf_counter() - began
            page.wait_for_function(PLAYS, timeout=120_000)
            found.append((loaded, time.perf_counter() - began))
            page.context.close()
        browser.close()
    return found


if __name__ == "__main__":
    main()
