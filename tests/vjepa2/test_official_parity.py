"""Recorded outputs of the official V-JEPA 2, V-JEPA 2.1 and I-JEPA; the same outputs here.

Weights come in through the converters, so that a wrong mapping shows as well. In float32 outputs
are within 2e-5; in float64 within 1e-6, since the factors of rotary positions are kept in float32.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from official import clips, difference, packing, recorded, token_masks
from torch import Tensor

from jepakit.batch import TokenMasks
from jepakit.nn import VisionTransformer
from jepakit.nn.positions import Position
from jepakit.nn.rotary import RotaryEmbedding, rotate
from jepakit.packing import Packing
from vjepa2 import FeatureLoss, Predictor
from vjepa2.checkpoints.official import (
    encoder_rules,
    encoder_state,
    predictor_state,
    to_official_encoder,
    to_official_predictor,
)
from vjepa2.checkpoints.pretrained import fill
from vjepa2.objective import nearness, normalised

FLOAT32, FLOAT64 = 2e-5, 1e-6
Kind = dict[str, Any]


def encoder_of(
    state: dict[str, Tensor],
    *,
    heads: int = 2,
    size: int | None = 32,
    position: Position | None = None,
) -> VisionTransformer:
    shape, weights = encoder_state(state)
    frames = 1 if shape.tokens else 4
    arguments = shape.arguments(heads=heads, frames=frames, size=size)
    arguments["levels"] = tuple(arguments["levels"])
    if position:
        arguments["position"] = position
    encoder = VisionTransformer(**arguments).eval()
    fill(encoder, weights, what="encoder")
    return encoder


def predictor_of(
    state: dict[str, Tensor], encoder: VisionTransformer, encoder_weights: dict[str, Tensor]
) -> Predictor:
    shape, weights = predictor_state(state, encoder_state(encoder_weights)[0])
    known = {"width": encoder.width, "heads": encoder.heads}
    predictor = Predictor(encoder, **shape.arguments(known, heads=3)).eval()
    fill(predictor, weights, what="predictor")
    return predictor


def overlapping(context: Tensor, target: Tensor, grid: int) -> TokenMasks:
    """Masks under which a token may be visible and to be predicted at once, as in the records."""
    seen, hidden = packing(context, grid), packing(target, grid)
    sample = torch.cat([seen.sample, hidden.sample])
    order = sample.argsort(stable=True)
    rows = torch.cat([seen.index, hidden.index])[order]
    lengths = [a + b for a, b in zip(seen.lengths, hidden.lengths, strict=True)]
    batch = len(context)
    return TokenMasks(
        context=seen,
        target=hidden,
        slot=torch.zeros(hidden.total, dtype=torch.int64),
        joint=Packing.from_index(rows, lengths, grid),
        joint_order=order,
        hidden_ids=torch.ones(batch, 256, dtype=torch.bool),
        objects=((),) * batch,
        fallback=(False,) * batch,
    )


def dense(packed: Tensor, samples: int) -> Tensor:
    return packed.unflatten(0, (samples, -1))


def gathered(tokens: Tensor, index: Tensor) -> Tensor:
    return tokens.gather(1, index.unsqueeze(2).expand(-1, -1, tokens.shape[-1]))


class TestVJepa2Encoder:
    @pytest.fixture
    def record(self) -> Kind:
        return recorded("official_encoder_tiny")

    @pytest.fixture
    def encoder(self, record: Kind) -> VisionTransformer:
        return encoder_of(record["state_dict"])

    @torch.no_grad()
    def test_whole_clips(self, record: Kind, encoder: VisionTransformer) -> None:
        video = clips(record["video"])
        assert difference(encoder(video).dense(), record["out"]) <= FLOAT32
        exact = encoder.double()(video.double()).dense()
        assert difference(exact, record["out_f64"]) <= FLOAT64

    @torch.no_grad()
    def test_kept_tokens(self, record: Kind, encoder: VisionTransformer) -> None:
        """Tokens are dropped before the blocks."""
        video, kept = clips(record["video"]), packing(record["mask0"], 32)
        assert difference(encoder(video, kept).dense(), record["out_mask0"]) <= FLOAT32
        exact = encoder.double()(video.double(), kept).dense()
        assert difference(exact, record["out_mask0_f64"]) <= FLOAT64

    @torch.no_grad()
    def test_several_masks_of_a_clip_are_one_batch(
        self, record: Kind, encoder: VisionTransformer
    ) -> None:
        """The second mask of the record is the first with the clips in reverse order."""
        every = torch.cat([record["mask0"], record["mask0"].flip(0)])
        found = encoder(clips(record["video"]), packing(every, 32)).dense()
        assert difference(found, record["out_masks_list"]) <= FLOAT32

    @torch.no_grad()
    def test_other_sizes_than_it_was_built_for(
        self, record: Kind, encoder: VisionTransformer
    ) -> None:
        wide = encoder.resized(size=(32, 48))(clips(record["video_wide"])).dense()
        assert difference(wide, record["out_wide"]) <= FLOAT32
        long = encoder.resized(frames=8)(clips(record["video_long"])).dense()
        assert difference(long, record["out_long"]) <= FLOAT32

    @torch.no_grad()
    def test_outputs_of_layers_pass_the_last_norm(
        self, record: Kind, encoder: VisionTransformer
    ) -> None:
        names = ["blocks.00.out", "blocks.01.out"]
        expected = record["out_layers_0_1"]
        samples = expected.shape[1]
        found = encoder(clips(record["video"])[:samples], capture=names).captured
        layers = torch.stack([dense(encoder.norm(found[name]), samples) for name in names])
        assert difference(layers, expected) <= FLOAT32

    def test_gradients(self, record: Kind, encoder: VisionTransformer) -> None:
        """Of the mean square of the kept tokens' latents."""
        kept = packing(record["mask0"], 32)
        loss = encoder.double()(clips(record["video"]).double(), kept).tokens.square().mean()
        assert loss.item() == pytest.approx(record["grad_loss_f64"].item(), abs=FLOAT64)
        loss.backward()
        gradients = {
            name: parameter.grad
            for name, parameter in encoder.named_parameters()
            if parameter.grad is not None
        }
        shape, _ = encoder_state(record["state_dict"])
        found = to_official_encoder(gradients, shape)
        assert found.keys() == record["grads_mask0_f64"].keys()
        for name, expected in record["grads_mask0_f64"].items():
            assert difference(found[name], expected) <= FLOAT64, name

    def test_the_names_come_back(self, record: Kind, encoder: VisionTransformer) -> None:
        shape, _ = encoder_state(record["state_dict"])
        same(to_official_encoder(encoder.state_dict(), shape), record["state_dict"])


class TestVJepa2Predictor:
    @pytest.fixture
    def record(self) -> Kind:
        return recorded("official_predictor_tiny")

    @pytest.fixture
    def predictor(self, record: Kind) -> Predictor:
        weights = recorded("official_encoder_tiny")["state_dict"]
        return predictor_of(record["state_dict"], encoder_of(weights), weights)

    @pytest.mark.parametrize("number", [0, 1, 2])
    @torch.no_grad()
    def test_every_mask_token(self, record: Kind, predictor: Predictor, number: int) -> None:
        masks = token_masks([record["masks_x"]], [record["masks_y"]], 32)
        order = gather_order(record["masks_x"], record["masks_y"], masks)
        for dtype, kind, near in (
            (torch.float32, "out", FLOAT32),
            (torch.float64, "out_f64", FLOAT64),
        ):
            context = record["context"].to(dtype).flatten(0, 1)[order[0]]
            found = predictor.to(dtype)(context, masks, mask_token=number).target
            expected = record[kind][str(number)].flatten(0, 1)[order[1]]
            assert difference(found, expected) <= near

    @torch.no_grad()
    def test_the_official_default_is_mask_token_1(self, record: Kind, predictor: Predictor) -> None:
        masks = overlapping(record["masks_x"], record["masks_y"], 32)
        found = predictor(record["context"].flatten(0, 1), masks, mask_token=1).target
        assert difference(dense(found, 3), record["out_default"]) <= FLOAT32

    @torch.no_grad()
    def test_everything_from_everything(self, record: Kind, predictor: Predictor) -> None:
        masks = overlapping(record["full_idx"], record["full_idx"], 32)
        found = predictor(record["full_context"].flatten(0, 1), masks, mask_token=1).target
        assert difference(dense(found, 3), record["out_full"]) <= FLOAT32

    def test_the_names_come_back(self, record: Kind, predictor: Predictor) -> None:
        encoder, _ = encoder_state(recorded("official_encoder_tiny")["state_dict"])
        shape, _ = predictor_state(record["state_dict"], encoder)
        same(to_official_predictor(predictor.state_dict(), shape), record["state_dict"])


class TestVJepa21:
    @pytest.fixture
    def record(self) -> Kind:
        return recorded("official_vjepa21_tiny")

    @pytest.fixture
    def encoder(self, record: Kind) -> VisionTransformer:
        """The record was made without stretched positions."""
        return encoder_of(record["enc_state_dict"], heads=3, position="rope")

    @pytest.fixture
    def predictor(self, record: Kind, encoder: VisionTransformer) -> Predictor:
        return predictor_of(record["pred_state_dict"], encoder, record["enc_state_dict"])

    @pytest.fixture
    def masks(self, record: Kind) -> TokenMasks:
        return overlapping(record["masks_x"], record["masks_y"], 32)

    @torch.no_grad()
    def test_last_level_and_hierarchy(self, record: Kind, encoder: VisionTransformer) -> None:
        video = clips(record["video"])
        assert difference(encoder(video).dense(), record["out"]) <= FLOAT32
        assert difference(encoder(video, hierarchy=True).dense(), record["out_hier"]) <= FLOAT32
        exact = encoder.double()(video.double(), hierarchy=True).dense()
        assert difference(exact, record["out_hier_f64"]) <= FLOAT64

    @torch.no_grad()
    def test_still_images(self, record: Kind, encoder: VisionTransformer) -> None:
        found = encoder(clips(record["image"])).dense()
        assert difference(found, record["out_image"]) <= FLOAT32

    @torch.no_grad()
    def test_context_for_the_predictor(
        self, record: Kind, encoder: VisionTransformer, masks: TokenMasks
    ) -> None:
        video = clips(record["video"]).double()
        found = encoder.double()(video, masks.context, hierarchy=True).dense()
        assert difference(found, record["context_f64"]) <= FLOAT64

    @pytest.mark.parametrize("image", [False, True])
    @torch.no_grad()
    def test_hidden_and_visible_tokens(
        self, record: Kind, predictor: Predictor, masks: TokenMasks, image: bool
    ) -> None:
        """With mask token 0, as in training."""
        context = record["context_f64"].flatten(0, 1)
        found = predictor.double()(context, masks, image=image)
        name = "pred_image_mode_f64" if image else "pred_f64"
        assert difference(dense(found.target, 2), record[name]) <= FLOAT64
        if not image:
            assert found.context is not None
            assert difference(dense(found.context, 2), record["pred_context_f64"]) <= FLOAT64

    def test_losses_and_their_weights(self, record: Kind, masks: TokenMasks) -> None:
        levels = normalised(record["out_hier_f64"].flatten(0, 1), 48)
        loss, every = FeatureLoss(), dense(levels, 2)
        target = gathered(every, record["masks_y"]).flatten(0, 1)
        found = loss(record["pred_f64"].flatten(0, 1), target, masks.target)
        assert found.item() == pytest.approx(record["loss_pred_f64"].item(), abs=1e-12)
        weight = nearness(masks, (2, 4, 4))
        assert difference(1 / weight, record["mask_distance_sqrt"].flatten()) <= 1e-6
        goal = gathered(every, record["masks_x"]).flatten(0, 1)
        seen = record["pred_context_f64"].flatten(0, 1)
        for name, factor in (("loss_context_f64", weight), ("loss_context_unweighted_f64", None)):
            found = loss(seen, goal, masks.context, weight=factor)
            assert found.item() == pytest.approx(record[name].item(), abs=FLOAT64)

    @torch.no_grad()
    def test_stretched_positions(self) -> None:
        record = recorded("official_vjepa21_interp_rope_tiny")
        encoder = encoder_of(record["state_dict"], heads=3, size=64)
        assert encoder.position == "rope_stretched"
        video = clips(record["video"])
        assert difference(encoder(video).dense(), record["out"]) <= FLOAT32
        assert difference(encoder(video, hierarchy=True).dense(), record["out_hier"]) <= FLOAT32

    def test_the_names_come_back(
        self, record: Kind, encoder: VisionTransformer, predictor: Predictor
    ) -> None:
        shape, _ = encoder_state(record["enc_state_dict"])
        same(to_official_encoder(encoder.state_dict(), shape), record["enc_state_dict"])
        predicting, _ = predictor_state(record["pred_state_dict"], shape)
        same(to_official_predictor(predictor.state_dict(), predicting), record["pred_state_dict"])


class TestIJepa:
    @pytest.fixture
    def record(self) -> Kind:
        return recorded("official_ijepa_tiny")

    @pytest.fixture
    def encoder(self, record: Kind) -> VisionTransformer:
        return encoder_of(record["enc_state_dict"], size=None)

    @torch.no_grad()
    def test_images_are_clips_of_one_frame(self, record: Kind, encoder: VisionTransformer) -> None:
        image = clips(record["image"])
        assert (encoder.position, encoder.grid) == ("learned", (1, 4, 4))
        assert difference(encoder(image).dense(), record["out"]) <= FLOAT32
        kept = packing(record["masks_x"], 16)
        assert difference(encoder(image, kept).dense(), record["out_masked"]) <= FLOAT32

    @torch.no_grad()
    def test_each_target_is_predicted_by_itself(
        self, record: Kind, encoder: VisionTransformer
    ) -> None:
        predictor = predictor_of(record["pred_state_dict"], encoder, record["enc_state_dict"])
        context = record["out_masked"].flatten(0, 1)
        masks = overlapping(record["masks_x"], record["masks_y"], 16)
        found = predictor(context, masks).target
        assert difference(dense(found, 3), record["pred"]) <= FLOAT32
        twice = overlapping(
            record["masks_x"].repeat(2, 1), torch.cat([record["masks_y"], record["masks_y2"]]), 16
        )
        found = predictor(context.repeat(2, 1), twice).target
        assert difference(dense(found, 6), record["pred_two_targets"]) <= FLOAT32

    def test_the_names_come_back(self, record: Kind, encoder: VisionTransformer) -> None:
        shape, _ = encoder_state(record["enc_state_dict"])
        same(to_official_encoder(encoder.state_dict(), shape), record["enc_state_dict"])
        predictor = predictor_of(record["pred_state_dict"], encoder, record["enc_state_dict"])
        predicting, _ = predictor_state(record["pred_state_dict"], shape)
        same(to_official_predictor(predictor.state_dict(), predicting), record["pred_state_dict"])


@pytest.mark.parametrize(
    ("name", "pairing"),
    [("official_encoder_tiny", "tiled"), ("official_vjepa21_tiny", "interleaved")],
)
def test_rotary_positions_of_one_axis(name: str, pairing: Any) -> None:
    """The records turn vectors of one axis alone: the first third of a head's channels here."""
    record = recorded(name)["rope"]
    x, position, expected = record["x"], record["pos"], record["y"]
    channels = x.shape[-1]
    embedding = RotaryEmbedding(3 * channels, grid=(12, 1, 1), pairing=pairing)
    rotation = embedding(position)
    wide = torch.cat([x, torch.zeros_like(x), torch.zeros_like(x)], dim=-1)
    tokens = wide.flatten(0, 1).transpose(0, 1)  # (tokens, rows, channels)
    found = rotate(tokens, rotation).transpose(0, 1).unflatten(0, x.shape[:2])
    assert difference(found[..., :channels], expected) <= FLOAT32


@pytest.mark.parametrize("position", ["rope", "rope_tiled"])
def test_the_two_pairings_are_told_apart(position: Position) -> None:
    """Each recorded encoder is far off with the other one's pairing."""
    record = recorded("official_encoder_tiny")
    encoder = encoder_of(record["state_dict"], position=position)
    with torch.no_grad():
        off = difference(encoder(clips(record["video"])).dense(), record["out"])
    assert (off <= FLOAT32) == (position == "rope_tiled")
    assert off <= FLOAT32 or off > 1e-2


def test_huge_images_of_14_pixel_patches() -> None:
    """The layout of the published ViT-H/14, as shapes without memory."""
    with torch.device("meta"):
        huge = VisionTransformer(
            1280, depth=32, heads=16, frames=1, size=224, patch=14, tubelet=1, position="learned"
        )
    shape, _ = encoder_state(recorded("official_ijepa_tiny")["enc_state_dict"])
    published = type(shape)(
        layout="ijepa", width=1280, depth=32, hidden=5120, patch=14, tubelet=1, tokens=256
    )
    assert len(encoder_rules(published)) == len(huge.state_dict())
    there = to_official_encoder(huge.state_dict(), published)
    assert there["patch_embed.proj.weight"].shape == (1280, 3, 14, 14)
    assert there["pos_embed"].shape == (1, 256, 1280)
    wrapped = {f"module.{name}": value for name, value in there.items()}
    found, weights = encoder_state(wrapped)
    assert found == published
    arguments = found.arguments()
    assert (arguments["heads"], arguments["size"], arguments["frames"]) == (16, 224, 1)
    fill(huge, weights, what="encoder", assign=True)


def gather_order(context: Tensor, target: Tensor, masks: TokenMasks) -> tuple[Tensor, Tensor]:
    """Where the tokens of ``masks``, which rise by position, stand in the recorded lists."""

    def rows(index: Tensor, packed: Packing) -> Tensor:
        listed = packing(index, packed.grid).index
        return listed.argsort()[torch.searchsorted(listed.sort().values, packed.index)]

    return rows(context, masks.context), rows(target, masks.target)


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
