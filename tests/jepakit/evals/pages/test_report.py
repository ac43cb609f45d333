"""The page: well-formed, self-contained, escaped, and complete."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from jepakit.evals.figures import ForestPanel, ForestPoint, forest_plot
from jepakit.evals.pages.report import (
    Animation,
    Facts,
    Figure,
    Section,
    Table,
    Text,
    build_report,
)

EVIL = '<script>alert("x")</script> & https://example.org'
VOID = {"meta", "img", "source", "br"}


class Checker(HTMLParser):
    """Collects tags, attributes and text, and insists that every tag is closed in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.attributes, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def drawing():
    return forest_plot([ForestPanel("AUROC", [ForestPoint("a", "encoder", 0.7, 0.6, 0.8)])])


def page():
    frames = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    parts = [
        Text(f"First {EVIL}.\n\nSecond."),
        Text(EVIL, style="note"),
        Text(EVIL, style="code"),
        Facts({EVIL: EVIL}),
        Table([EVIL, "n"], [[EVIL, "1"], ["b", "0.5 *\n[0.4, 0.6]"]], EVIL, strong=(1,)),
        Figure(drawing(), alt=EVIL, caption=EVIL),
        Animation({EVIL: frames, "b": frames}, alt=EVIL, caption=EVIL),
    ]
    sections = [Section(EVIL, parts), Section("End", [])]
    return build_report(sections, title=EVIL, kicker=EVIL, lede=EVIL, footer=EVIL)


@pytest.fixture(scope="module")
def html():
    return page()


@pytest.fixture(scope="module")
def parsed(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker


def test_markup_in_text_stays_text(html, parsed):
    assert "script" not in parsed.seen
    assert "<script" not in html
    assert parsed.text.count(EVIL) >= 12


def test_nothing_is_fetched(html, parsed):
    for tag, name, value in parsed.attributes:
        if name in ("src", "srcset", "href"):
            assert value.startswith(("data:image/", "#part-")), (tag, name, value[:40])
        if name not in ("alt",):
            assert "http" not in value.replace("http-equiv", "").replace("https", "http")[:9]
    assert "@import" not in html
    assert not re.search(r"url\(", html)
    assert not {"link", "iframe", "object", "embed"} & set(parsed.seen)
    policy = [v for _, name, v in parsed.attributes if name == "content" and "default-src" in v]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_contents_lead_to_every_section(parsed):
    links = [value for tag, name, value in parsed.attributes if (tag, name) == ("a", "href")]
    marks = [value for tag, name, value in parsed.attributes if (tag, name) == ("section", "id")]
    assert links == [f"#{mark}" for mark in marks] == ["#part-1", "#part-2"]


def test_pictures_are_whole_and_described(parsed):
    images = [dict() for _ in range(parsed.seen.count("img"))]
    position = -1
    for tag, name, value in parsed.attributes:
        if tag == "img":
            position += name == "src"
            images[position][name] = value
    assert len(images) == 2
    for image in images:
        assert image["alt"] == EVIL
        assert int(image["width"]) > 0
        kind, content = re.match(r"data:image/(\w+);base64,(.*)", image["src"]).groups()
        start = {"png": b"\x89PNG", "webp": b"RIFF"}[kind]
        assert base64.b64decode(content, validate=True).startswith(start)
    media = [value for tag, name, value in parsed.attributes if name == "media"]
    assert media == ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)"]


def test_page_fits_narrow_and_dark_screens(html, parsed):
    assert ("meta", "name", "viewport") in parsed.attributes
    assert "@media (prefers-color-scheme: dark)" in html
    assert "max-width: 640px" in html


def test_numbers_stand_to_the_right(html):
    assert '<td class="number strong">0.5 *<small>[0.4, 0.6]</small></td>' in html
    assert '<th scope="col" class="number strong">n</th>' in html


def test_same_parts_give_the_same_page(html):
    assert page() == html


def test_refuses_rows_of_another_width():
    with pytest.raises(ValueError, match="with 2 titles got rows of 3 cells"):
        build_report([Section("x", [Table(["a", "b"], [["1", "2", "3"]])])])


def test_a_table_may_be_empty():
    assert "<tbody></tbody>" in build_report([Section("x", [Table(["a", "b"], [])])])
