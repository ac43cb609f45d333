"""Several studies side by side, and beside the paper's Tables 2 and 3."""

import json

import pytest
from synthetic_study import CAVEATS, IMPOSSIBLE, study

from jepakit.evals.states.caveats import OVERLAP
from jepakit.evals.states.page.comparison_report import write_comparison
from jepakit.evals.states.page.comparison_tables import (
    carried_table,
    effects_by_study,
    paper_table_2,
    paper_table_3,
)
from jepakit.evals.states.page.paper_values import CCA, PROXY, SCS, VIDEO
from jepakit.evals.states.study_json import study_from

EVIL = "<script>twin|"


def studies():
    twin = study(seed=1, model="random init", caveats=(OVERLAP,))
    return {"trained": study(), EVIL: twin, "lean": study(lean=True, data="pushes")}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    return folder, write_comparison(studies(), folder)


def test_files(written):
    _, paths = written
    pictures = [
        f"states_comparison_{n}{e}.png" for n in ("accuracy", "effects") for e in ("", "_dark")
    ]
    texts = [f"states_comparison.{end}" for end in ("json", "md", "html")]
    assert sorted(path.name for path in paths) == sorted(pictures + texts)


def test_studies_come_back(written):
    content = json.loads((written[0] / "states_comparison.json").read_text())
    for name, result in studies().items():
        assert study_from(content["studies"][name]).rows == result.rows


def test_page_is_whole(written):
    folder, _ = written
    html = (folder / "states_comparison.html").read_text()
    markdown = (folder / "states_comparison.md").read_text()
    assert "<script" not in html + markdown
    assert "http" not in html.replace("http-equiv", "")
    for text in (html, markdown):
        assert IMPOSSIBLE in text.replace("&#x27;", "'")
        for caveat in CAVEATS:
            assert caveat in text.replace("&#x27;", "'")
    assert f"trained: {CAVEATS[-1]}" in markdown
    assert VIDEO.notes[1] in markdown
    assert CCA.notes[0] in markdown


def test_a_column_per_study():
    table = effects_by_study(studies())
    assert table.header == ["intervention", "trained", EVIL, "lean"]
    rows = {cells[0]: cells[1:] for cells in table.rows}
    assert rows["random directions"] == ["0.012\n[-0.008, 0.032] · 67.5x"] * 3
    assert rows["random, same variance"] == ["not possible"] * 3
    assert rows["true class before"] == ["0.970"] * 3
    assert rows["p of permuted labels"] == ["0.05", "0.05", ""]


def test_carried():
    rows = {cells[0]: cells[1:] for cells in carried_table(studies()).rows}
    assert rows["sparse probe"][0].endswith("/ 0.980 (2 of 3)")
    assert rows["sparse probe"][2] == ""


def test_table_2_puts_the_papers_row_below_ours():
    rows = paper_table_2(studies()).rows
    assert [cells[0] for cells in rows[:4]] == ["trained", f"{SCS.name} (paper)", EVIL, "lean"]
    assert rows[1][1:] == ["ViT-L", "100% (L7)", "0.844", "43x", "0.88", "0.35 / 0.99"]
    assert rows[0][3:6] == ["0.810\n[0.790, 0.830]", "67.5x\n[40, 110]", "0.900\n[0.880, 0.920]"]
    assert [cells[0] for cells in rows].count(f"{SCS.name} (paper)") == 1
    assert rows[-1] == ["CCA cross-model (paper)", "ViT-L to ViT-H", *[""] * 4, "1.00 / 1.00"]
    assert len(rows) == 3 + 6


def test_table_3_puts_the_papers_columns_last():
    table = paper_table_3({"ours": study()})
    assert table.header == ["metric", "ours", f"{PROXY.name} (paper)", "V-JEPA 2 (d=1024) (paper)"]
    printed = {
        "best dense accuracy": ["100% (L18 to L23)", "100% (L7 to L20)"],
        "onset layer": ["L14 (88.8%)", "L4 (96.0%)"],
        "sparse dimensions (share)": ["84/256 (0.33)", "585/1024 (0.57)"],
        "CE (ablation)": ["0.814", "0.844"],
        "CE (random control)": ["0.001", "0.020"],
        "CE ratio": ["818x", "43x"],
        "PSR": ["0.99", "0.88"],
        "early-layer CE": ["0.025", "0.815"],
        "SAS (PCA)": ["0.65", "0.35"],
        "RCE (PCA)": ["0.35", "0.99"],
    }
    assert {cells[0]: cells[2:] for cells in table.rows} == printed
    ours = {cells[0]: cells[1] for cells in table.rows}
    assert ours["CE (ablation)"] == "0.810\n[0.790, 0.830]"
    assert ours["early-layer CE"] == "0.400\n[0.380, 0.420]"


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one study"):
        write_comparison({}, tmp_path)
