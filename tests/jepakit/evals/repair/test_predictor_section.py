"""The predictor's tables, findings, caveats and figures say what was measured."""

import dataclasses

import numpy as np
import pytest
from made_errors import made
from synthetic_repair import FRESH, TRAINED, study

from jepakit.evals.figures.style import to_png
from jepakit.evals.pages.report import Text
from jepakit.evals.repair.images.occluded_images import OBJECT
from jepakit.evals.repair.predictor.carried_errors import carried_errors
from jepakit.evals.repair.predictor.predictor_caveats import BLIND, predictor_caveats, predicts
from jepakit.evals.repair.predictor.predictor_figures import carried_figure, contexts_figure
from jepakit.evals.repair.predictor.predictor_section import (
    finding_of,
    measured,
    predictor_parts,
    predictor_tables,
)
from jepakit.evals.repair.predictor.predictor_tables import (
    UNRESOLVED,
    carried_table,
    contexts_table,
    leaks_table,
    strongest,
)
from jepakit.evals.repair.repair_json import repair_content
from jepakit.evals.repair.repair_result import RepairResult


@pytest.fixture(scope="module")
def errors():
    return made()


@pytest.fixture(scope="module")
def carried(errors):
    return carried_errors(errors)


@pytest.fixture(scope="module")
def result(errors):
    """The first model has a predictor, the other has none."""
    lean = study(lean=True, depth=4)
    found = dict(lean.found)
    found[TRAINED, "8x3"] = dataclasses.replace(found[TRAINED, "8x3"], predictor=errors)
    return RepairResult(lean.facts, found, {}, {FRESH: "no predictor of hidden tokens"})


def test_contexts_beside_their_floors(errors):
    table = contexts_table({"m": errors})
    assert [row[0] for row in table.rows] == ["m\nobject", "m\nbackground"]
    contexts = errors.regions[OBJECT].contexts
    for cell, name in zip(table.rows[0][1:6], contexts, strict=True):
        assert cell.startswith(f"{contexts[name].error.mean():.4f}\n[")
        assert cell.endswith(f"1-cos {contexts[name].angle.mean():.4f}")
    known = contexts["another scene"].error.mean() - contexts["dropped"].error.mean()
    assert table.rows[0][6].startswith(f"{known:+.4f}\n[")


def test_leaks_and_sites(carried):
    leaks = leaks_table({"m": carried})
    assert [row[0] for row in leaks.rows] == ["m\ndropped", "m\nfilled"]
    bound = carried.bounds["dropped"]
    assert leaks.rows[0][1].startswith(f"{bound.object.estimate:+.4f}\n")
    assert leaks.rows[0][2] == f"{bound.share:+.1%}"
    table = carried_table("m", carried)
    assert table.rows[0][0] == "3.resid\ndropped"
    assert table.rows[0][3] == "100%\n[100%, 100%]"
    assert len(table.rows) == 10
    assert (strongest(carried, "dropped").block, strongest(carried, "dropped").part) == (1, "attn")
    worse = carried_table("m", carried_errors(made(bound=-0.3)))
    assert {row[3] for row in worse.rows} == {UNRESOLVED}


def test_findings_in_words(errors, carried):
    said = finding_of("m", errors, carried)
    assert "would take back" in said
    assert "more than with background" in said
    assert "1.attn" in said
    worse = made(bound=-0.3)
    assert "make it worse" in finding_of("m", worse, carried_errors(worse))
    flat = made(bound=0.0, seed=2)
    assert "not resolved" in finding_of("m", flat, carried_errors(flat))


def test_a_predictor_that_predicts_nothing_is_named(errors):
    assert predicts(errors)
    contexts = errors.regions[OBJECT].contexts
    worse = contexts | {"no context": contexts["seen"]}
    region = dataclasses.replace(errors.regions[OBJECT], contexts=worse)
    blind = dataclasses.replace(errors, regions=errors.regions | {OBJECT: region})
    assert not predicts(blind)
    assert predictor_caveats({"m": errors, "n": blind})[-1] == BLIND.format(names="n")
    assert len(predictor_caveats({"m": errors})) == 5


def test_models_without_one_are_named(result):
    assert result.predictors == (TRAINED,)
    errors, carried = measured(result, "8x3")
    assert list(errors) == list(carried) == [TRAINED]
    figures = dict.fromkeys(["contexts_8x3", "carried_8x3"], contexts_figure(errors))
    parts = predictor_parts(result, "8x3", figures)
    notes = [part.text for part in parts if isinstance(part, Text)]
    assert any(f"{FRESH} is not in this section: no predictor" in note for note in notes)
    assert len(predictor_tables(result, "8x3")) == 3
    assert predictor_parts(study(lean=True, depth=4), "8x3", {}) == []


def test_json_has_every_image_and_site(result, errors):
    content = repair_content(result, {})
    mine, other = (one["predictor"] for one in content["found"])
    assert other is None
    assert content["without_predictor"] == {FRESH: "no predictor of hidden tokens"}
    theirs = mine["regions"][OBJECT]
    np.testing.assert_array_equal(
        theirs["patched"]["filled"]["error"], errors.regions[OBJECT].patched["filled"].error
    )
    assert len(mine["carried"]["sites"]) == 24
    assert set(mine["carried"]["bounds"]["dropped"]["object"]) >= {"estimate", "low", "high"}


def test_figures_in_both_editions(errors, carried):
    for figure in (contexts_figure({"m": errors, "n": errors}), carried_figure({"m": carried})):
        for theme in ("light", "dark"):
            assert to_png(figure, theme=theme, dpi=30).startswith(b"\x89PNG")
    for draw in (contexts_figure, carried_figure):
        with pytest.raises(ValueError, match="No predictor"):
            draw({})
