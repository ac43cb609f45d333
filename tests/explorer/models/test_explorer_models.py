"""An opened model says what it takes and refuses the rest with what would fit."""

from __future__ import annotations

import pytest
import torch

from explorer.models import ExplorerModel
from jepakit.nn import VisionTransformer


def opened(**options: object) -> ExplorerModel:
    sizes = {"depth": 2, "heads": 2, "frames": 4, "size": 32, "patch": 8, "tubelet": 2}
    return ExplorerModel("model-id", "small", VisionTransformer(32, **(sizes | options)).eval())


def test_sites_are_the_stream_and_the_output() -> None:
    assert opened().sites == ("embed", "blocks.00.out", "blocks.01.out", "norm")


@pytest.mark.parametrize(
    ("frames", "size", "told"),
    [
        (5, (32, 32), "multiple of 2 frames, came 5: take 4"),
        (0, (32, 32), "came 0"),
        (4, (33, 32), "multiples of 8, came 33 x 32"),
        (4, (32, 0), "came 32 x 0"),
    ],
)
def test_clips_that_do_not_divide_are_refused(
    frames: int, size: tuple[int, int], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        opened().allows(frames, size)


def test_learned_positions_exist_for_one_size() -> None:
    model = opened(position="learned")
    model.allows(4, (32, 32))
    with pytest.raises(ValueError, match="exist only for clips of 4 frames of 32 x 32"):
        model.allows(6, (32, 32))
    still = opened(position="learned", frames=1, tubelet=1)
    still.allows(7, (32, 32))
    with pytest.raises(ValueError, match="exist only for frames of 32 x 32"):
        still.allows(7, (32, 40))


def test_other_sizes_are_remarked_on() -> None:
    assert opened().remark(4, (32, 32)) == ""
    assert "never seen in training" in opened().remark(8, (32, 32))
    assert opened(position="rope").remark(8, (32, 32)) == "trained on 4 frames of 32 x 32 pixels"
    assert opened(frames=1, tubelet=1).remark(9, (32, 32)) == ""


def test_a_fitted_encoder_shares_the_weights() -> None:
    model = opened()
    assert model.fitted(4, (32, 32)) is model.encoder
    longer = model.fitted(8, (32, 48))
    assert longer.grid == (4, 4, 6) == model.grid_of(8, (32, 48))
    pairs = zip(longer.parameters(), model.encoder.parameters(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)


def test_encoders_with_a_tokenizer_for_stills_take_one_frame() -> None:
    model = opened(images=True, position="rope")
    assert (model.tubelet_of(1), model.tubelet_of(4), model.grid_of(1, (32, 32))) == (
        1,
        2,
        (1, 4, 4),
    )
    frame = torch.zeros(1, 1, 40, 40, 3, dtype=torch.uint8)
    assert model.fitted(1, (40, 40)).encode(frame).shape == (1, 25, 32)
