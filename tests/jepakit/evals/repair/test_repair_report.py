"""The page of a repair study: its numbers, the paper's, reasons, caveats, nothing from outside."""

import io
import json
import re
from html import unescape

import numpy as np
import pytest
from html_words import HtmlWords
from matplotlib.figure import Figure
from rich.console import Console
from synthetic_repair import FRESH, TRAINED, study

from jepakit.evals.figures.style import to_png
from jepakit.evals.repair.images.occluded_images import BACKGROUND, OBJECT
from jepakit.evals.repair.page.map_tables import geometry_table, proxy_table, sites_table
from jepakit.evals.repair.page.paper_values import TENSIONS
from jepakit.evals.repair.page.repair_caveats import (
    BESIDE,
    FRACTION,
    NOT_BESIDE,
    ONE_INTERVENTION,
    PROXY,
    STRUCTURAL,
    drift_caveats,
    rescue_caveats,
)
from jepakit.evals.repair.page.repair_console import print_repair
from jepakit.evals.repair.page.repair_figures import repair_figures
from jepakit.evals.repair.page.repair_report import lede_of, repair_sections, write_repair
from jepakit.evals.repair.page.repair_tables import (
    controls_table,
    drift_table,
    models_table,
    onset_table,
    rescue_table,
    size_table,
    tokens_table,
    undefined_fractions,
)
from jepakit.evals.repair.site_groups import SINGLE, TRIPLE
from jepakit.evals.repair.site_tests import SiteTests, sites_tested

SINGLE_CELL = f"{SINGLE}\n3.mlp_hidden".replace(" ", "\u00a0")
EVIL = '<script src="https://example.org/x.js">|`*'


def untested(sweep, **_):
    """In place of 20 000 flips for each of 288 sites."""
    p = np.linspace(0, 1, sweep.mean.size).reshape(sweep.mean.shape)
    return SiteTests(p, np.minimum(1, 2 * p), 0.01)


@pytest.fixture(scope="module")
def result():
    return study(note=EVIL, depth=6)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repair")
    picture = to_png(Figure((0.1, 0.1)))
    figures = {name: Figure((1, 1)) for name in NAMES}
    with pytest.MonkeyPatch.context() as patch:  # real pictures would take seconds
        for module in ("jepakit.evals.pages.report", "jepakit.evals.pages.report_files"):
            patch.setattr(f"{module}.to_png", lambda *_, **__: picture)
        report = "jepakit.evals.repair.page.repair_report"
        patch.setattr(f"{report}.repair_figures", lambda *_: figures)
        patch.setattr(f"{report}.sites_tested", untested)
        paths = write_repair(result, folder, command=f"evaluate {EVIL}")
    return folder, paths


KINDS = ("masks", "examples", "rescue", "sweep", "rectangles", "geometry", "proxy")
NAMES = {"advantage", "drift", *(f"{kind}_{name}" for kind in KINDS for name in ("8x3", "4x3"))}


@pytest.fixture(scope="module")
def page(written):
    return HtmlWords((written[0] / "repair.html").read_text())


@pytest.fixture(scope="module")
def content(written):
    def refuse(name):
        raise AssertionError(name)

    text = (written[0] / "repair.json").read_text()
    return json.loads(text, parse_constant=refuse)


def row(table, *names):
    return next(r for r in table.rows if r[: len(names)] == list(names))


def test_every_file_is_there_and_named(written):
    folder, paths = written
    names = {f"repair_{name}{end}.png" for name in NAMES for end in ("", "_dark")}
    names |= {"repair.json", "repair.md", "repair.html"}
    assert {path.name for path in paths} == names
    assert {path.name for path in folder.iterdir()} == names


def test_page_fetches_and_runs_nothing(page, written):
    assert "script" not in page.tags
    assert all(a.startswith(("data:image/png", "#part-")) for a in page.addresses)
    assert EVIL in page.text
    assert "<script" not in (written[0] / "repair.html").read_text()
    assert "<script" not in (written[0] / "repair.md").read_text()


def test_pictures_of_the_masks_come_first(written):
    html = (written[0] / "repair.html").read_text()
    first = re.search(r'<img [^>]*alt="([^"]*)"', html)
    assert first is not None
    assert first[1].startswith("Images with the hidden object")


def test_json_is_the_study(content, result):
    assert content["format"] == "jepakit.repair/1"
    found = {(one["model"], one["slice"]): one for one in content["repair"]["found"]}
    assert list(found) == list(result.found)
    for key, one in result.found.items():
        mine = found[key]
        for region in (OBJECT, BACKGROUND):
            for name in ("context", "masked", "everywhere"):
                np.testing.assert_array_equal(
                    mine["drift"][region][name], getattr(one.drift[region], name)
                )
            tokens = [item[region] for item in mine["images"]["items"]]
            hidden = one.images.hidden(region).numpy()
            assert tokens == [np.flatnonzero(mask).tolist() for mask in hidden]
        assert mine["advantage"]["difference"]["low"] == one.advantage.difference.low
        assert mine["onset"] == one.onset
        assert mine["late_blocks"] == [4, 5]
        for theirs, measure in zip(mine["rescues"], one.rescues, strict=True):
            assert theirs["absolute"] == measure.found.absolute.tolist()
            assert theirs["mean_of_ratios"] == measure.found.mean_of_ratios
            assert theirs["sites"] == list(measure.sites)
        np.testing.assert_array_equal(mine["sweep"]["rescue"], one.sweep.rescue)
        np.testing.assert_array_equal(mine["sweep"]["tests"]["p"], untested(one.sweep).p)
        assert [c["late"] for c in mine["geometry"]] == [c.late.tolist() for c in one.geometry]
        np.testing.assert_array_equal(mine["proxy"]["identity"], one.proxy.identity)
    assert content["repair"]["facts"]["note"] == EVIL
    assert content["repair"]["skipped"] == {"object too small": 5, "no mask": 1}
    fresh = found[FRESH, "8x3"]["rescues"][0]
    assert fresh["fraction"] == [None] * 24  # NaN is no JSON
    assert content["paper"]["table_2"]["VOC 8x3"][TRIPLE] == {"absolute": 0.1006, "fraction": 0.54}


def test_caveats_are_on_page_and_in_markdown(page, written, result):
    markdown = unescape((written[0] / "repair.md").read_text())
    said = {*drift_caveats(result), *rescue_caveats(result), PROXY, *TENSIONS}
    assert len(said) == 8 + 4
    for caveat in said:
        assert caveat in page.text
        assert caveat.replace("_", "_") in markdown


def test_caveats_that_apply():
    deep, lone = study(lean=True), study(lean=True, fresh=False, depth=12)
    assert not any("counted from the end" in one for one in rescue_caveats(deep))
    assert rescue_caveats(deep) == (f"{STRUCTURAL} {BESIDE}", FRACTION, ONE_INTERVENTION)
    assert rescue_caveats(lone)[0] == f"{STRUCTURAL} {NOT_BESIDE}"
    assert "(9, 10 and 11 of 12)" in rescue_caveats(lone)[3]
    how, few = drift_caveats(lone)
    assert "are compact: one connected patch" in how
    assert "24 images of 8 classes in 8x3" in few
    assert drift_caveats(deep)[2].startswith(f"{FRESH}, 8x3: mean late context drift is below")


def test_table_1_is_the_study_beside_the_paper(result):
    table, one = drift_table(result), result.found[TRAINED, "8x3"].advantage
    mine = row(table, f"{TRAINED}\n8x3, L4, L5 of 6")
    assert mine[1:3] == [f"{one.first:.4f}\npaper 0.2410", f"{one.second:.4f}\npaper 0.0989"]
    low, high = one.difference.low, one.difference.high
    assert mine[3] == f"{one.difference.estimate:+.4f}\n[{low:+.4f}, {high:+.4f}]"
    assert one.clustered is not None
    assert mine[4] == f"[{one.clustered.low:+.4f}, {one.clustered.high:+.4f}]"
    assert mine[5] == "24 of 24\np = 5e-05".replace(" ", "\u00a0")
    assert mine[6] == "+0.1420\nPets 8x3, 23/24"
    assert row(table, f"{TRAINED}\n4x3, L4, L5 of 6")[6] == "+0.1179\nPets 4x3"
    fresh = row(table, f"{FRESH}\n8x3, L4, L5 of 6")
    assert fresh[6] == ""
    assert "paper" not in fresh[1]


def test_other_data_stand_beside_the_main_slice():
    for kind, expected in (("voc", "+0.0518\nVOC 8x3, 19/24"), ("coco", "+0.1420\nPets 8x3")):
        assert drift_table(study(kind=kind, lean=True)).rows[0][6].startswith(expected)


def test_table_2(result):
    table, one = rescue_table(result), result.found[TRAINED, "8x3"]
    mine = row(table, f"{TRAINED}\n8x3", SINGLE_CELL)
    (found,) = [
        m.found
        for m in one.rescues
        if (m.group, m.mode, m.control, m.region) == (SINGLE, "context", "", OBJECT)
    ]
    assert mine[2].startswith(f"{found.absolute.mean():.4f}\n[")
    assert mine[3:] == [
        f"{found.fraction.mean():.4f}",
        f"{found.absolute.mean() / one.advantage.first:.4f}",
        "0.1216\n0.4408, Pets 8x3",
    ]
    assert row(table, f"{TRAINED}\n4x3", SINGLE_CELL)[5] == "0.1216\n0.4408, Pets 8x3"
    fresh = row(table, f"{FRESH}\n8x3", SINGLE_CELL)
    assert fresh[3:] == ["undefined", "undefined", ""]
    (why,) = undefined_fractions(result)
    assert row(why, f"{FRESH}\n8x3", OBJECT)[2] == "base drift below 0.001 in all 24 images"
    assert undefined_fractions(study(lean=True)) == []


def test_controls_by_group(result):
    table = controls_table(result.found[TRAINED, "8x3"], region=BACKGROUND)
    assert [cells[0] for cells in table.rows] == [
        "clean, visible tokens",
        "clean, hidden tokens",
        "clean, all tokens",
        "activations of another image",
        "random, same norm",
        "whole stream (bound)",
        "as many other sites",
    ]
    measure = result.found[TRAINED, "8x3"].rescues[-2]
    assert (measure.group, measure.control) == (TRIPLE, "whole stream")
    cell = row(table, "whole stream (bound)")[3]
    assert cell.startswith(f"{measure.found.mean_absolute:.4f}\n[")
    assert cell.endswith(f"; {measure.found.mean_of_ratios:.0%}")


def test_tables_3_and_4(result):
    table = models_table(result)
    assert table.rows[0][4:] == ["+0.1420\nI-JEPA (vith14_1k)", "23 of 24"]
    assert row(table, f"{FRESH}\n8x3")[4:] == ["", ""]
    assert row(table, "paper: ViT-MAE base\nPets 8x3")[4:] == ["-0.0059", "10 of 24"]
    tokens, counts = tokens_table(result).rows[0], result.found[TRAINED, "8x3"].images.counts
    assert tokens[1] == f"{counts.mean():.1f}\n{counts.min()} to {counts.max()}"
    assert tokens[3] == f"{192 - counts.mean():.1f}"
    assert tokens[6:] == ["54.1\nPets 8x3", "201.9"]


def test_onsets_and_sizes(result):
    one = result.found[TRAINED, "8x3"]
    cells = onset_table(result).rows[0]
    assert cells[1] == f"L{one.onset[OBJECT]} of 6"
    assert cells[2] == f"{one.drift[OBJECT].context[-1].mean():.4f}"
    assert onset_table(result).rows[-1][1] == "never"
    small, middle, large = size_table(one).rows
    gap = one.drift[OBJECT].late((4, 5)) - one.drift[BACKGROUND].late((4, 5))
    order = np.argsort([pair.touched.sum() for pair in one.images.pairs], kind="stable")
    assert small[2] == f"{gap[order[:8]].mean():+.4f}"
    assert large[3] == "8 of 8"
    assert middle[0] == "middle"


def test_sites_rectangles_and_predictor(result):
    one = result.found[TRAINED, "8x3"]
    table = sites_table("m", one.sweep, untested(one.sweep))
    block, part, _ = np.unravel_index(one.sweep.mean.argmax(), one.sweep.mean.shape)
    assert table.rows[0][0] == f"{block}.{one.sweep.parts[part]}"
    assert table.rows[0][2].startswith(f"{one.sweep.mean.max():.4f}\n")
    assert len(table.rows) == 12
    assert "0.0100 is the smallest" in table.caption
    cell = geometry_table("m", 6, one.geometry).rows[3]
    assert cell[3].startswith(f"{one.geometry[3].late.mean():.4f}\n")
    predictor = proxy_table("m", one.proxy)
    unpatched = row(predictor, "object hidden, visible tokens")
    assert unpatched[1].startswith(f"{one.proxy.context['unpatched'].mean():.4f}\n")
    assert unpatched[3] == "0.2998"
    taken = (one.proxy.context["unpatched"] - one.proxy.context[TRIPLE]).mean()
    patched = row(predictor, f"patched: {TRIPLE}")
    assert patched[2].startswith(f"{taken:.4f}\n")
    assert patched[4] == "0.1505"
    assert row(predictor, "clean tokens, all")[3] == "0.0179"


def test_lede():
    lean = study(lean=True)
    a = lean.found[TRAINED, "8x3"].advantage
    assert f"{a.first:.4f} in late blocks" in lede_of(lean)
    assert f"{a.difference.estimate:+.4f} [{a.difference.low:+.4f}" in lede_of(lean)
    assert "24 of 24" in lede_of(lean)


def test_a_lean_study_has_sections_for_its_numbers_only():
    result = study(lean=True)
    figures = dict.fromkeys(["masks_8x3", "examples_8x3", "advantage", "drift"], Figure((1, 1)))
    titles = [section.title for section in repair_sections(result, {}, figures)]
    assert titles == [
        "What was hidden",
        "What that does to the rest",
        "Beside the paper's models",
        "How the paper is read here",
    ]


def test_tables_of_markdown_have_as_many_cells_as_titles(written):
    blocks = re.findall(r"(?:^\|.*\n)+", (written[0] / "repair.md").read_text(), re.MULTILINE)
    assert len(blocks) >= 15
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_console_says_the_same(result, monkeypatch):
    monkeypatch.setattr("jepakit.evals.repair.page.repair_console.sites_tested", untested)
    console = Console(width=150, record=True, file=io.StringIO())
    print_repair(result, console)
    text = console.export_text()
    flat = " ".join(text.split())
    for wanted in ("0.2410", "+0.1420", "0.1216", "undefined", "all 24 images", "54.1", "0.2998"):
        assert wanted in text
    assert all(" ".join(c.split()) in flat for c in (*drift_caveats(result), FRACTION, PROXY))
    assert f"note: {EVIL}" in text


@pytest.mark.slow
def test_every_figure_can_be_drawn():
    result = study(depth=12)
    tests = {key: sites_tested(one.sweep) for key, one in result.found.items()}
    figures = repair_figures(result, tests)
    assert set(figures) == NAMES
    for figure in figures.values():
        assert to_png(figure, theme="dark", dpi=40).startswith(b"\x89PNG")
