from dataclasses import replace

import numpy as np
import pytest
from planted_states import planted

from jepakit.evals.states.caveats import CEILING, IDENTITY, IN_SAMPLE
from jepakit.evals.states.clips.activations import Activations
from jepakit.evals.states.effects.ablation_effects import CONTROLS
from jepakit.evals.states.probes.splits import parts_of
from jepakit.evals.states.settings import StudySettings
from jepakit.evals.states.study import Study, early_layer

FOUND = planted(clips=48, width=8, layers=3)
LEAN = StudySettings(
    folds=2,
    draws=2,
    pairs=12,
    permutations=2,
    portable_layers=1,
    portable_methods=("pca", "dim"),
    repeats=2,
    bootstrap=50,
)
ONE = replace(LEAN, layer="blocks.02.out", controls=(), pairs=0, permutations=0, portable_layers=0)


def study(settings=LEAN, activations=FOUND):
    return Study(activations, settings, {"model": "m"}).run()


def test_a_whole_study():
    found = study()
    assert set(found.chosen) <= {"blocks.01.out", "blocks.02.out"}
    assert found.accuracy.shape == (3, 2)
    assert found.chance == 0.25
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["causal", *CONTROLS]
    causal = rows["causal"]
    assert causal.effect.low < causal.effect.estimate < causal.effect.high
    assert causal.effect.estimate > 0.5
    assert causal.normalised == pytest.approx(causal.effect.estimate / (found.before - 0.25))
    assert causal.absolute >= causal.effect.estimate
    assert 0 < causal.accuracy_drop <= 1
    assert rows["early"].layer == "blocks.00.out"
    assert rows["random"].overlap < 0.6
    assert causal.overlap is rows["early"].overlap is None
    assert found.p_value == pytest.approx(1 / 3)
    assert len(found.null) == 2
    assert found.success["whole"].estimate > 0.9
    assert all(0 <= one.low <= one.high <= 1 for one in found.success.values())
    assert found.steering["causal"][1.0].estimate == found.steering["random"][1.0].estimate == 0
    assert [row.method for row in found.portable] == ["pca", "dim"]
    assert found.facts["clips"] == "48 from 48 sources"
    assert found.facts["classes"].startswith("class 0 12, class 1 12")
    assert IDENTITY in found.caveats
    assert IN_SAMPLE not in found.caveats


def test_standard_error_is_that_of_cross_fitting():
    found, inside = study(ONE), study(replace(ONE, protocol="paper"))
    per_clip = _per_clip(ONE)
    plain = per_clip.std(ddof=1) / np.sqrt(48)
    # 2 folds, as many judged clips as training ones: sqrt(1 + 2).
    assert found.rows[0].standard_error == pytest.approx(np.sqrt(3) * plain)
    paper = _per_clip(replace(ONE, protocol="paper"))
    assert inside.rows[0].standard_error == pytest.approx(paper.std(ddof=1) / np.sqrt(48))


def _per_clip(settings):
    from jepakit.evals.states.effects.ablation_effects import AblationSettings, ablation_effects

    parts = parts_of(FOUND.labels, FOUND.groups, protocol=settings.protocol, folds=2)
    asked = AblationSettings(controls=())
    layers = [settings.layer] * len(parts)
    found = ablation_effects(FOUND, parts, layers, early=settings.layer, settings=asked)
    return found.per_clip["causal"][0]


def test_the_interval_is_stretched_as_the_error_is():
    found = study(replace(ONE, bootstrap=4000)).rows[0]
    half = (found.effect.high - found.effect.low) / 2
    assert half == pytest.approx(1.96 * found.standard_error, rel=0.1)


def test_the_layer_is_chosen_on_training_clips_alone():
    # The lure tells the judged clips of the first round apart, and no others.
    weak = planted(clips=192, width=8, layers=2, strength=1.0)
    judged = parts_of(weak.labels, weak.groups, folds=2)[0].test
    rows = np.random.default_rng(0).standard_normal((192, 8))
    rows[judged, weak.labels[judged]] += 50.0
    values = {"real": weak.at("blocks.01.out"), "lure": rows}
    lured = Activations("m", values, weak.labels, weak.groups, weak.classes)
    chosen = study(replace(ONE, layer="auto"), lured).chosen
    assert chosen == ("real", "lure")  # the second round learns from the clips of the first


def test_paper_protocol_says_that_it_is_in_sample():
    found = study(replace(ONE, protocol="paper"))
    assert found.caveats[0] == IN_SAMPLE
    assert found.chosen == ("blocks.02.out",)
    auto = study(replace(ONE, protocol="paper", layer="auto"))
    best = auto.accuracy.mean(axis=1)
    assert auto.chosen == (auto.layers[int(best.argmax())],)


def test_p_is_of_one_layer_in_all_rounds():
    from jepakit.evals.permutation_tests import permutation_p
    from jepakit.evals.states.effects.ablation_effects import AblationSettings
    from jepakit.evals.states.effects.pipeline_null import pipeline_effect

    found = study(replace(LEAN, portable_layers=0, pairs=0, controls=()))
    usual = max(set(found.chosen), key=found.chosen.count)
    asked = AblationSettings(draws=2)
    effect = pipeline_effect(FOUND, usual, protocol="crossfit", folds=2, settings=asked)
    assert found.p_value == permutation_p(effect, np.array(found.null))


def test_few_sources_are_told():
    grouped = planted(clips=48, width=8, layers=3, groups=np.arange(48) // 4)
    told = " ".join(study(ONE, grouped).caveats)
    assert "The 48 clips come from 12 sources" in told


def test_energy_matched_directions_that_are_the_found_ones_are_told():
    strong = planted(clips=48, width=8, layers=3, strength=30.0)
    found = study(replace(ONE, controls=("energy",)), strong)
    assert found.rows[1].overlap > 0.9
    told = f"energy-matched subspaces overlap the found one by {found.rows[1].overlap:.0%}: "
    assert told in " ".join(found.caveats)
    weak = study(replace(ONE, controls=("random",)))
    assert "energy-matched subspaces overlap" not in " ".join(weak.caveats)


def test_the_ceiling_caveat_is_not_for_sparse_probes():
    told = study(replace(ONE, portable_layers=1, portable_methods=("pca",))).caveats
    assert CEILING in told
    alone = study(replace(ONE, portable_layers=1, portable_methods=("sparse",))).caveats
    assert CEILING not in alone


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"layer": "norm"}, r"no layer 'norm'; there are: blocks\.00\.out, .*\(or auto\)"),
        ({"rank": 4}, "rank must be 1 to 3: 4 classes span at most 3 directions; got 4"),
        ({"rank": 0}, "rank must be 1 to 3"),
        ({"folds": 13}, r"13 folds need at least 13 clips of each class"),
    ],
)
def test_bad_settings_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        study(replace(ONE, **settings))


def test_constant_activations_are_refused():
    values = {**FOUND.values, "still": np.full((48, 8), 0.3)}
    still = Activations("m", values, FOUND.labels, FOUND.groups, FOUND.classes)
    with pytest.raises(ValueError, match="Activations of still are the same for all clips"):
        study(ONE, still)


def test_the_early_layer_has_the_depth_of_the_paper():
    deep = ["embed", *(f"blocks.{i:02d}.out" for i in range(24)), "norm"]
    assert early_layer(deep) == "blocks.04.out"
    assert early_layer(["embed", *(f"blocks.{i:02d}.out" for i in range(12)), "norm"]) == (
        "blocks.02.out"
    )
    assert early_layer(["a", "b"]) == "a"
