import pytest
import torch

from cjepa.counterfactual import intervene, removal_masks
from cjepa.predictor import Predictor
from jepakit.batch import SceneBatch
from jepakit.nn.vit import VisionTransformer


def test_removal_hides_exactly_what_the_objects_touch(batch: SceneBatch) -> None:
    masks = removal_masks(batch.coverage, [[1], [2], [2, 1]])
    touched = (batch.coverage > 0).flatten(2)
    expected = torch.stack([touched[0, 0], touched[1, 1], touched[2].any(0)])
    assert torch.equal(masks.target.index, expected.flatten().nonzero().squeeze(1))
    assert masks.context.total + masks.target.total == 3 * 32
    assert masks.objects == ((1,), (2,), (2, 1))


def test_prediction_and_residual_stand_at_their_places(
    batch: SceneBatch, encoder: VisionTransformer, predictor: Predictor
) -> None:
    ids = [[1], [2], [1, 2]]
    masks = removal_masks(batch.coverage, ids)
    answer = intervene(encoder, predictor, batch.frames, batch.coverage, ids)
    context = encoder(batch.frames, masks.context).tokens
    prediction = predictor(context, masks)
    for sample in range(3):
        seen = answer.visible[sample].bool()
        assert int(seen.sum()) == masks.context.lengths[sample]
        rows = masks.context.sample == sample
        torch.testing.assert_close(answer.predicted[sample][seen], context[rows])
        torch.testing.assert_close(answer.residual[sample][seen], prediction.residual[rows])
        assert not answer.residual[sample][~seen].any()
        hidden = prediction.target[masks.target.sample == sample]
        torch.testing.assert_close(answer.predicted[sample][~seen], hidden)
        torch.testing.assert_close(answer.pooled[sample], hidden.mean(0))
    assert not answer.predicted.requires_grad


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([[1], [1]], "3 samples, got 2"),
        ([[1], [3], [1]], r"Sample 1: expected ids of objects in 1\.\.2, got \[3\]"),
        ([[1], [], [1]], "Sample 1: expected ids"),
        ([[0], [1], [1]], "Sample 0: expected ids"),
    ],
)
def test_wrong_objects_are_refused(
    objects: list[list[int]], message: str, batch: SceneBatch
) -> None:
    with pytest.raises(ValueError, match=message):
        removal_masks(batch.coverage, objects)


def test_an_object_that_is_nowhere_visible_is_refused(batch: SceneBatch) -> None:
    coverage = batch.coverage.clone()
    coverage[1, 0] = 0
    with pytest.raises(ValueError, match=r"Sample 1: objects \[1\] are nowhere visible"):
        removal_masks(coverage, [[1], [1], [1]])


def test_removing_everything_is_refused(batch: SceneBatch) -> None:
    coverage = torch.full_like(batch.coverage, 255)
    with pytest.raises(ValueError, match="no visible token"):
        removal_masks(coverage, [[1], [1], [1]])
