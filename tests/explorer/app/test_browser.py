"""The app as a new user meets it, in headless Chromium."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_hands import PATCH, choose, click_pixel, download, field, plays, tab, video_file
from new_run import write_tiny_run

from explorer.clips import default_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Shoot = Callable[["Page", str], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("browser")]


def test_the_first_picture_plays(page: Page, shoot: Shoot) -> None:
    plays(page, "#first-view")
    page.wait_for_selector("#estimate [role=status]")
    assert "1,152 tokens" in page.locator("#estimate").inner_text()
    shoot(page, "clip")


def test_a_click_names_its_token_and_is_followed(page: Page, shoot: Shoot) -> None:
    truth = default_clip().truth
    assert truth is not None
    row, column = truth.centres[truth.names.index("lime ball"), 0]
    tab(page, "Follow")
    click_pixel(page, "#track-image", column, row)
    page.wait_for_selector("#track-view video")
    expected = f"slice 0, row {int(row) // PATCH}, column {int(column) // PATCH}"
    assert field(page, "#track-token") == expected
    plays(page, "#track-view")
    shoot(page, "follow")
    lines = download(page, "#track-csv").read_text().splitlines()
    assert lines[0] == "object,slice,frames,row,column,x,y,score"
    assert lines[1].startswith("object 1,0,0-1,")
    assert len(lines) == 9


def test_a_token_can_be_given_by_numbers(page: Page) -> None:
    tab(page, "Follow")
    page.get_by_role("button", name="Without a mouse").first.click()
    panel = page.locator("#tab-track")
    for name, value in (("Slice", "1"), ("Row", "5"), ("Column", "6")):
        panel.get_by_label(name, exact=True).fill(value)
    page.locator("#track-add").click()
    page.wait_for_function(
        "document.querySelector('#track-token textarea, #track-token input').value"
        " === 'slice 1, row 5, column 6'"
    )


def test_latent_video(page: Page, shoot: Shoot) -> None:
    tab(page, "Latent video")
    page.wait_for_selector("#latent-video-view video")
    plays(page, "#latent-video-view")
    shoot(page, "latent-video")


def test_point_clouds(page: Page, shoot: Shoot) -> None:
    tab(page, "Latent space")
    page.wait_for_selector("#space-cloud .cloud-plot[aria-busy=false]")
    assert page.locator("#space-cloud .cloud-plot canvas").count() > 0
    shoot(page, "latent-space")
    table = download(page, "#space-csv").read_text().splitlines()
    assert table[0] == "slice,row,column,component_1,component_2,component_3"
    assert len(table) == 1 + 1152
    page.get_by_label("7-D").check()
    page.locator("#space-draw").click()
    page.wait_for_selector("text=Component 7")
    page.wait_for_selector("#space-cloud .cloud-plot[aria-busy=false]")
    shoot(page, "seven-dimensions")


def test_umap(page: Page, shoot: Shoot) -> None:
    tab(page, "Latent space")
    page.get_by_label("UMAP").check()
    page.get_by_label("3-D").check()
    page.locator("#space-draw").click()
    page.wait_for_selector("text=laid out so that similar tokens", timeout=300_000)
    page.wait_for_selector("#space-cloud .cloud-plot[aria-busy=false]")
    shoot(page, "umap")


def test_segmentation_by_clicks_and_by_masks(page: Page, shoot: Shoot) -> None:
    truth = default_clip().truth
    assert truth is not None
    tab(page, "Segment")
    row, column = truth.centres[truth.names.index("red ball"), 0]
    click_pixel(page, "#segment-image", column, row)
    page.wait_for_function(
        "document.querySelector('#segment-token textarea, #segment-token input').value"
        ".startsWith('slice 0')"
    )
    page.locator("#segment-go").click()
    page.wait_for_selector("#segment-view video")
    plays(page, "#segment-view")
    page.locator("#segment-true").click()
    page.wait_for_selector("#segment-view figcaption:has-text('Mean over 7 objects')")
    shoot(page, "segment")


def test_an_object_is_taken_out(page: Page, shoot: Shoot) -> None:
    truth = default_clip().truth
    assert truth is not None
    row, column = truth.centres[truth.names.index("red ball"), 0]
    tab(page, "What if")
    click_pixel(page, "#removal-image", column, row)
    page.wait_for_selector("#removal-view video")
    words = page.locator("#removal-view").inner_text()
    assert "clip, red ball outlined" in words
    assert "untrained twin" in words
    shoot(page, "what-if")


def test_a_click_on_the_ground_is_answered_by_a_sentence(page: Page) -> None:
    tab(page, "What if")
    click_pixel(page, "#removal-image", 20, 20)
    page.wait_for_selector("text=There is no object at this place")


def test_surprise_and_futures(page: Page, shoot: Shoot) -> None:
    tab(page, "Surprise")
    page.locator("#surprise-go").click()
    page.wait_for_selector("#surprise-view video")
    page.locator("#futures-go").click()
    page.wait_for_selector("#futures-view img")
    shoot(page, "surprise")


def test_windows_and_specialists(page: Page, shoot: Shoot) -> None:
    tab(page, "Windows")
    page.wait_for_function("document.querySelector('#window input').max == 16")
    page.locator("#windows-go").click()
    page.wait_for_selector("#windows-view table")
    assert "5" in page.locator("#windows-view dl").inner_text()  # windows of 12, shift 2
    page.locator("#specialists-go").click()
    page.wait_for_selector("#specialists-view table")
    shoot(page, "windows")
    page.locator("#shift input").fill("3")
    page.locator("#windows-go").click()
    page.wait_for_selector(".toast-body:has-text('shift')")


def test_layers(page: Page, shoot: Shoot) -> None:
    tab(page, "Layers")
    page.wait_for_selector("#walk-view video")
    plays(page, "#layer-view")
    shoot(page, "layers")


def test_two_models(page: Page, shoot: Shoot) -> None:
    tab(page, "Compare")
    page.locator("#compare-go").click()
    page.wait_for_selector("#compare-view video")
    assert "Linear CKA" in page.locator("#compare-view").inner_text()
    shoot(page, "compare")


def test_the_report_opens_without_a_network(
    page: Page, browser: Browser, shoot: Shoot, tmp_path: Path
) -> None:
    tab(page, "Report")
    page.locator("#report-go").click()
    page.wait_for_function(
        "document.querySelector('#report-note textarea, #report-note input').value.includes('MB')",
        timeout=400_000,
    )
    shoot(page, "report")
    file = tmp_path / "report.html"
    file.write_bytes(download(page, "#report-file").read_bytes())
    context = browser.new_context(offline=True, viewport={"width": 600, "height": 900})
    alone = context.new_page()
    heard: list[str] = []
    alone.on("pageerror", lambda error: heard.append(str(error)))
    alone.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
    alone.on("request", lambda r: heard.append(r.url) if r.url.startswith("http") else None)
    alone.goto(file.as_uri())
    alone.locator(".cloud").first.scroll_into_view_if_needed()
    alone.wait_for_selector(".cloud[aria-busy=false]", timeout=120_000)
    ready = alone.evaluate("[...document.querySelectorAll('video')].map(v => v.readyState)")
    assert len(ready) >= 6
    assert min(ready) >= 2
    assert alone.evaluate("document.documentElement.scrollWidth") <= 600
    assert heard == []
    context.close()


def test_tabs_and_controls_are_reached_by_keyboard(page: Page) -> None:
    tab(page, "Clip")
    page.locator("#head").click()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(e => [e.getAttribute('role'), e.id, e.innerText || e.getAttribute('aria-label')]"
                ".join('|'))(document.activeElement)"
            )
        )
    reached = "\n".join(seen)
    assert "tab|" in reached
    assert "|extract|" in reached
    assert "Pause" in reached or "Play" in reached


@pytest.mark.parametrize("name", ["Clip", "Follow", "Latent space", "Windows", "Compare", "Report"])
def test_narrow_screens_do_not_scroll_sideways(page: Page, name: str, shoot: Shoot) -> None:
    page.set_viewport_size({"width": 600, "height": 900})
    tab(page, name)
    page.wait_for_timeout(1500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 600
    if name == "Follow":
        shoot(page, "narrow")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_upload_estimate_extract_save_and_open(page: Page, shoot: Shoot, tmp_path: Path) -> None:
    file = tmp_path / "<b>bar & <script>.mp4"
    file.write_bytes(video_file())
    tab(page, "Clip")
    page.get_by_label("My video or picture").check()
    page.locator("#upload input[type=file]").set_input_files(file)
    note = page.locator("#upload-note")
    page.wait_for_function(
        "document.querySelector('#upload-note')?.innerText.includes('24 frames')"
    )
    assert "160 x 120 px, h264" in note.inner_text()
    assert page.locator("#upload-note b, #upload-note script").count() == 0
    page.get_by_role("button", name="Frames, size, crop, start").click()
    page.locator("#frames input[type=number]").fill("8")
    page.locator("#frames input[type=number]").press("Enter")
    page.wait_for_function("document.querySelector('#estimate').innerText.includes('576 tokens')")
    shoot(page, "upload")
    page.locator("#extract").click()
    page.wait_for_selector("#first-view .titles span:has-text('bar')")
    plays(page, "#first-view")
    page.get_by_role("button", name="Saved latents").click()
    page.locator("#save").click()
    saved = download(page, "#take")
    assert saved.read_bytes()[8:9] == b"{"  # the header of a safetensors file
    page.locator("#open").click()
    page.wait_for_timeout(1500)
    plays(page, "#first-view")
    tab(page, "What if")
    page.wait_for_selector("text=This clip has no masks")


def test_a_hostile_upload_is_answered_by_a_sentence(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"\x80\x04\x95" + b"pickle" * 100)
    tab(page, "Clip")
    page.get_by_label("My video or picture").check()
    page.locator("#upload button[aria-label='Clear'], #upload [title='Clear']").first.click()
    page.locator("#upload input[type=file]").set_input_files(file)
    page.wait_for_selector("text=a Python pickle, which is never opened")


def test_a_run_that_appears_is_opened_and_compared(page: Page, runs: Path) -> None:
    tab(page, "Clip")
    page.get_by_label("Generated scene").check()
    write_tiny_run(runs / "tables" / "new run")
    page.get_by_role("button", name="Refresh list").first.click()
    choose(page, "#model", "tables/new run")
    page.wait_for_selector("#estimate:has-text('32 tokens')")
    page.get_by_label("context").first.check()
    page.locator("#extract").click()
    page.wait_for_selector("#first-view .titles span:has-text('tables/new run, context encoder')")
    tab(page, "Compare")
    page.get_by_role("button", name="Refresh list").last.click()
    choose(page, "#second-model", "tables/new run")
    page.locator("#second-weights").get_by_label("target").check()
    page.locator("#compare-go").click()
    page.wait_for_selector("#compare-view .titles span:has-text('tables/new run, target encoder')")
    tab(page, "Surprise")
    page.locator("#surprise-go").click()
    page.wait_for_selector("#surprise-view video")


def status(address: str, **headers: str) -> int:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def test_endpoints_are_closed(address: str, page: Page) -> None:
    with urllib.request.urlopen(f"{address}config") as answer:
        config = json.loads(answer.read())
    assert {one["api_visibility"] for one in config["dependencies"]} == {"private"}
    labels = [c["props"].get("label") for c in config["components"] if c["type"] == "tabitem"]
    assert len(labels) == 11
    for name in ("/etc/passwd", "pyproject.toml", "explorer/bundled/config.yaml"):
        assert status(f"{address}gradio_api/file={name}") in (403, 404)
    for path in ("docs", "openapi.json", "monitoring"):
        assert status(address + path) in (403, 404)
    assert status(address) == 200
    assert status(address, Host="evil.example") == 400
    with urllib.request.urlopen(address) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"fonts\.g|cdn\.", answer.read().decode())


def test_nothing_went_wrong_on_the_way(complaints: list[str], page: Page) -> None:
    assert not complaints, "\n".join(complaints)
