"""The whole study on a run that was just trained, on its scenes and on photographs."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tiny_runs import MARKS

from jepakit.evals.repair.images.occluded_images import OcclusionRule
from jepakit.evals.repair.page.repair_report import write_repair
from jepakit.evals.repair.run_repair import RepairRequest, RunRepair, Table

pytestmark = [*MARKS, pytest.mark.slow]

SAMPLE = Path(__file__).resolve().parents[5] / "shared/data/images_masks/coco_panoptic_sample"
DEEPER = "--model.init_args.encoder.depth=3"


@pytest.fixture
def run(train):
    train("tiny", DEEPER)
    return Path("runs/tiny")


def test_scenes_and_a_fresh_twin(run, shards, tmp_path, monkeypatch):
    for module in ("jepakit.evals.pages.report", "jepakit.evals.pages.report_files"):
        monkeypatch.setattr(f"{module}.to_png", lambda *_, **__: b"")  # drawn, but not rendered
    rule = OcclusionRule(max_tokens=4)
    request = RepairRequest(
        str(shards), split="train", slices=("2x4",), tables=get_args(Table), rule=rule
    )
    result = RunRepair([run], request, tmp_path / "store").measure()
    assert result.models == ("tiny", "tiny, random init")
    assert result.slices == ("2x4",)
    trained, fresh = result.found.values()
    assert [x.key for x in trained.images.items] == [x.key for x in fresh.images.items]
    assert not np.allclose(trained.drift["object"].context, fresh.drift["object"].context)
    for one in (trained, fresh):
        assert one.depth == 3
        assert one.late == (1, 2)
        assert one.images.counts.max() <= 4 * 2  # in each of two tubelets
        assert one.sweep is not None
        np.testing.assert_allclose(one.sweep.base, one.drift["object"].late((1, 2)), rtol=1e-5)
        assert one.advantage.first == pytest.approx(one.sweep.base.mean(), rel=1e-5)
        assert len(one.geometry) > 2
        assert one.proxy is not None
    only = replace(request, tables=("sweep",))
    again = RunRepair([run], only, tmp_path / "store").measure()  # sweeps from their files
    for key, one in again.found.items():
        assert one.advantage == result.found[key].advantage
        np.testing.assert_array_equal(one.sweep.rescue, result.found[key].sweep.rescue)
    written = write_repair(result, tmp_path / "page", command="evaluate")
    assert {path.suffix for path in written} == {".json", ".md", ".html", ".png"}


def test_clips_in_balanced_slices(run, shards, tmp_path):
    request = RepairRequest(
        str(shards), kind="scene_clips", split="train", slices=("2x3",), tables=("1",),
        untrained=False,
    )  # fmt: skip
    result = RunRepair([run], request, tmp_path).measure()
    ((key, one),) = result.found.items()
    assert key == ("tiny", "2x3")
    assert np.unique(one.classes, return_counts=True)[1].tolist() == [3, 3]
    assert not one.rescues
    assert one.sweep is None


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs ../shared/data/images_masks")
def test_photographs(run, tmp_path):
    request = RepairRequest(str(SAMPLE), kind="coco", untrained=False)
    result = RunRepair([run], request, tmp_path).measure()
    (one,) = result.found.values()
    assert len(one.images) > 8
    assert one.images.pairs[0].object.shape == (2, 4, 4)
    assert {m.region for m in one.rescues} == {"object", "background"}
    assert (one.drift["object"].masked >= 0).all()


def test_models_of_one_name_are_refused(tmp_path):
    twins = [tmp_path / "a" / "demo", tmp_path / "b" / "demo"]
    study = RunRepair(twins, RepairRequest("nowhere"), tmp_path)
    with pytest.raises(ValueError, match=r"told apart by .* \['demo', 'demo'\]"):
        study._models()
