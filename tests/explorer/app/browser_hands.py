"""What hands do in the app: choose a tab, click a pixel, upload, download."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIDE, PATCH = 96, 8


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option).click()


def click_pixel(page: Page, image: str, x: float, y: float) -> None:
    """Click where pixel ``(x, y)`` of the clip is shown."""
    shown = page.locator(f"{image} img")
    shown.wait_for()
    page.wait_for_function(
        "selector => document.querySelector(selector + ' img').naturalWidth > 0", arg=image
    )
    box = shown.bounding_box()
    assert box is not None
    page.mouse.click(
        box["x"] + (x + 0.5) * box["width"] / SIDE, box["y"] + (y + 0.5) * box["height"] / SIDE
    )


def field(page: Page, place: str) -> str:
    return page.locator(f"{place} textarea, {place} input").first.input_value()


def plays(page: Page, place: str) -> None:
    page.wait_for_function(
        "selector => document.querySelector(selector + ' video')?.readyState >= 2",
        arg=place,
    )


def download(page: Page, button: str) -> Path:
    page.locator(f"{button}:not([disabled])").wait_for()
    with page.expect_download() as coming:
        page.locator(button).click()
    return Path(coming.value.path())


def video_file() -> bytes:
    """A second of a moving bar."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(24):
            picture = np.full((120, 160, 3), 200, np.uint8)
            picture[40:80, 4 * number : 4 * number + 30] = (220, 40, 20)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()
