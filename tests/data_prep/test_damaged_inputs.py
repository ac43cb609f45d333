import pytest

from bench.damaged_inputs import GOOD, clevrer, coco, davis, images, judge, tars, videos


@pytest.mark.slow
@pytest.mark.parametrize("make", [videos, images, tars, davis, coco, clevrer])
def test_damaged_inputs_are_rejected_and_good_ones_kept(make, tmp_path):
    inputs = make(tmp_path)
    found = judge(inputs)
    assert found == {
        "crashed": False,
        "rejected": sum(inputs.damaged.values()),
        "kept": inputs.good,
        "told": True,
    }
    assert inputs.good >= GOOD
