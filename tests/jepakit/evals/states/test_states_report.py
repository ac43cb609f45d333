"""The page of a study: its numbers, the paper's, reasons, caveats, and nothing from outside."""

import io
import re
from html import unescape

import pytest
from html_words import HtmlWords
from matplotlib.figure import Figure
from rich.console import Console
from synthetic_study import CAVEATS, IMPOSSIBLE, UNDEFINED, study

from jepakit.evals.figures.style import to_png
from jepakit.evals.pages.report import Section, Text
from jepakit.evals.states.caveats import CEILING, IDENTITY, IN_SAMPLE, OVERLAP, RANDOM_WEAK
from jepakit.evals.states.page.console import print_study
from jepakit.evals.states.page.paper_values import SCS
from jepakit.evals.states.page.report import (
    caveats_at,
    lede_of,
    study_figures,
    study_sections,
    write_study,
)
from jepakit.evals.states.page.study_tables import (
    carrying_table,
    effects_table,
    layers_table,
    means_table,
    measures_table,
    patching_table,
    portability_table,
    sparse_table,
    steering_table,
)
from jepakit.evals.states.study_json import read_study

EVIL = '<script src="https://example.org/x.js">|`*'


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    extra = [Section("Tokens in the network", [Text("A later section.")])]
    picture = to_png(Figure((0.1, 0.1)))
    with pytest.MonkeyPatch.context() as patch:  # 28 real pictures would take seconds
        for module in ("jepakit.evals.pages.report", "jepakit.evals.pages.report_files"):
            patch.setattr(f"{module}.to_png", lambda *_, **__: picture)
        paths = write_study(study(note=EVIL), folder, extra=extra, command=f"evaluate {EVIL}")
    return folder, paths


@pytest.fixture(scope="module")
def page(written):
    return HtmlWords((written[0] / "states.html").read_text())


@pytest.fixture(scope="module")
def markdown(written):
    return (written[0] / "states.md").read_text()


def row(table, name):
    return next(cells for cells in table.rows if cells[0] == name)


def test_every_file_is_there_and_named(written):
    folder, paths = written
    figures = ("accuracy", "effects", "null", "patching", "steering", "portability", "spectrum")
    names = {f"states_{name}{end}.png" for name in figures for end in ("", "_dark")}
    assert {path.name for path in paths} == names | {"states.json", "states.md", "states.html"}
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths}
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in paths if p.suffix == ".png")


def test_json_is_the_study(written):
    result = read_study(written[0] / "states.json")
    assert result.rows == study().rows
    assert result.facts["note"] == EVIL


def test_page_fetches_and_runs_nothing(page):
    assert "script" not in page.tags
    assert page.addresses
    assert all(a.startswith(("data:image/png", "#part-")) for a in page.addresses)


def test_names_are_escaped(page, written, markdown):
    html = (written[0] / "states.html").read_text()
    assert EVIL in page.text
    assert "<script" not in html
    assert "<script" not in markdown
    assert r"&lt;script" in markdown
    assert r"\|\`\*" in markdown


def test_every_caveat_is_on_page_and_in_markdown(page, markdown):
    for caveat in CAVEATS:
        assert caveat in page.text
        assert caveat in unescape(markdown)


def test_caveats_stand_with_what_they_are_about():
    places = ["study", "effects", "portability"]
    assert caveats_at("effects", CAVEATS, places) == [IN_SAMPLE, OVERLAP, RANDOM_WEAK]
    assert caveats_at("portability", CAVEATS, places) == [IN_SAMPLE, IDENTITY, CEILING]
    assert IDENTITY in caveats_at("study", [IDENTITY], ["study", "effects"])
    assert caveats_at("study", ["something new"], places) == ["something new"]


def test_undefined_values_come_with_their_reason(page, markdown):
    for text in (page.text, markdown):
        assert UNDEFINED in text
        assert IMPOSSIBLE in text
        assert "not possible" in text
        assert "undefined" in text


def test_effects_are_the_studys_beside_the_papers():
    table = effects_table(study(), SCS)
    found = row(table, "found subspace")
    assert found[1] == "L7 (4 of 5), L8 (1 of 5)"
    assert found[2] == "0.810\u00a0±\u00a00.010\n[0.790, 0.830]"
    assert found[-2:] == ["0.844\n± 0.007, L7", ""]
    assert row(table, "random directions")[-3:] == ["67.5x\n[40, 110]", "0.020\n± 0.002, L7", "43x"]
    assert row(table, "equal norm, other direction")[-3] == "≥ 405x"
    assert row(table, "random among leading axes")[-3:] == ["undefined", "", ""]
    assert row(table, "random, same variance")[2:] == ["not possible", "", "", ""]
    assert "0.970" in table.caption
    assert "0.845" in table.caption
    (other,) = measures_table(study())
    assert other.rows == [["found subspace", "0.815", "0.959", "0.860"]]


def test_without_the_paper_there_are_no_columns_of_it():
    result = study(data="pushes")
    for table in (effects_table, layers_table, patching_table, portability_table, means_table):
        assert not [name for name in table(result, None).header if "paper" in name]


def test_layers():
    result = study()
    seventh = row(layers_table(result, SCS), "L7")
    values = result.accuracy[8]
    expected = f"{values.mean():.3f}\u00a0±\u00a0{values.std(ddof=1) / 5**0.5:.3f}"
    assert seventh == ["L7", expected, "4 of 5", "1.000"]
    assert row(layers_table(result, SCS), "L2")[2:] == ["", ""]
    (table,) = sparse_table(result, SCS)
    assert row(table, "L17") == [
        "L17",
        "0.995\u00a0±\u00a00.010",
        "462/1024",
        "0.451",
        "450, not converged",
        "1.000",
    ]
    assert "708/1024 (0.691) at L8, 585/1024 (0.571) at L17" in table.caption
    assert sparse_table(study(lean=True), None) == []


def test_patching_and_steering():
    table = patching_table(study(), SCS)
    assert row(table, "patched: found subspace")[2:] == ["0.900\n[0.880, 0.920]", "0.88"]
    assert row(table, "rise of the donor's class")[1:] == [
        "probability",
        "0.850\n[0.830, 0.870]",
        "",
    ]
    assert row(steering_table(study()), "1")[1:] == ["0.000\n[-0.020, 0.020]"] * 2


def test_portability():
    result = study()
    table = portability_table(result, SCS)
    first, found = table.rows[0], result.portable[0].found
    assert first[2].startswith(f"{found.alignment.mean():.3f}\n[{found.alignment.min():.3f}")
    assert first[3] == "0.370\n0.450"
    assert first[4] == f"{found.energy_weighted.mean():.3f}"
    assert first[5] == "0.980\n[0.900, 1.060]"
    assert "0.0068" in table.caption
    assert carrying_table(result).rows[0][2:] == ["0.800", "0.790", "0.970"]
    assert carrying_table(result).rows[6][2:] == ["0.010", "0.790", ""]
    assert first[-2:] == ["0.253\nL7", "0.979\nL7"]
    sparse = table.rows[6]
    assert (sparse[3], sparse[5], sparse[-1]) == ("", "undefined", "0.855\nL7")
    means = means_table(result, SCS)
    assert row(means, "mean, PCA/DIM")[3:] == ["0.346", "0.993"]
    assert row(means, "mean, sparse")[2:] == ["0.980 (2 of 3)", "0.085", "0.961"]


def test_rounding_and_tension_of_the_paper_are_said(page):
    assert SCS.effects["random"].note in page.text
    assert all(note in page.text for note in SCS.notes)


def test_further_sections_follow(page, markdown):
    assert "A later section." in page.text
    assert "## Tokens in the network" in markdown


def test_tables_of_markdown_have_as_many_cells_as_titles(markdown):
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE)
    assert len(blocks) >= 7
    for block in blocks:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_a_lean_study_has_three_sections():
    result = study(lean=True, data="pushes")
    drawings = study_figures(result, None)
    titles = [section.title for section in study_sections(result, None, drawings)]
    assert titles == ["What was studied", "Where it can be read", "What removing it does"]


def test_lede():
    told = lede_of(study())
    assert "0.810 [0.790, 0.830]" in told
    assert "0.012 [-0.008, 0.032]" in told
    assert "p = 0.05" in told


def test_console_says_the_same():
    console = Console(width=150, record=True, file=io.StringIO())
    print_study(study(note="[bold]x"), console)
    text = console.export_text()
    flat = " ".join(text.split())
    for wanted in ("0.810", "[0.790, 0.830]", "0.844", "43x", "≥ 405x", UNDEFINED, IMPOSSIBLE):
        assert wanted in text
    assert "note: [bold]x" in text
    assert "Held-out accuracy" in text
    assert all(" ".join(caveat.split()) in flat for caveat in CAVEATS)
