"""The recorded predictor on actions of the official V-JEPA 2-AC, and what must hold for any."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from official import difference, recorded
from torch import Tensor

from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.official_action import (
    action_predictor_rules,
    action_predictor_state,
    to_official_action_predictor,
)
from vjepa2.checkpoints.pretrained import fill
from vjepa2.frame_attention import frame_causal_mask, frame_rotation

FLOAT32, FLOAT64 = 2e-5, 1e-6
CPU = torch.device("cpu")
Kind = dict[str, Any]


@pytest.fixture
def record() -> Kind:
    return recorded("official_ac_predictor_tiny")


def loaded(record: Kind, *, extrinsics: bool = False, **other: Any) -> ActionPredictor:
    shape, weights = action_predictor_state(
        record["state_dict_extrinsics" if extrinsics else "state_dict"]
    )
    arguments = shape.arguments(heads=3, grid=(4, 4), extrinsics=extrinsics)
    predictor = ActionPredictor(**(arguments | other)).eval()
    fill(predictor, weights, what="predictor on actions")
    return predictor


def inputs(
    record: Kind, frames: int = 4, dtype: torch.dtype = torch.float32, *, extrinsics: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Latents ``(b, t, n, d)`` and conditions of the first frames."""
    names = {"action": "actions", "state": "states"}
    if extrinsics:
        names["extrinsics"] = "extrinsics"
    features = record["feats"].unflatten(1, (4, 16))[:, :frames].to(dtype)
    return features, {ours: record[name][:, :frames].to(dtype) for ours, name in names.items()}


class TestRecorded:
    @pytest.mark.parametrize(("frames", "name"), [(4, "out"), (2, "out_T2"), (1, "out_T1")])
    @torch.no_grad()
    def test_every_length(self, record: Kind, frames: int, name: str) -> None:
        found = loaded(record)(*inputs(record, frames)).flatten(1, 2)
        assert difference(found, record[name]) <= FLOAT32

    @torch.no_grad()
    def test_extrinsics(self, record: Kind) -> None:
        found = loaded(record, extrinsics=True)(*inputs(record, extrinsics=True))
        assert difference(found.flatten(1, 2), record["out_extrinsics"]) <= FLOAT32

    @torch.no_grad()
    def test_in_float64(self, record: Kind) -> None:
        found = loaded(record).double()(*inputs(record, dtype=torch.float64))
        assert difference(found.flatten(1, 2), record["out_f64"]) <= FLOAT64

    @pytest.mark.parametrize("recompute", [False, True])
    def test_gradients(self, record: Kind, recompute: bool) -> None:
        """Of the mean square; weights of the unused condition have none."""
        predictor = loaded(record).double()
        predictor.recompute = recompute
        loss = predictor(*inputs(record, dtype=torch.float64)).square().mean()
        assert loss.item() == pytest.approx(record["grad_loss_f64"].item(), abs=FLOAT64)
        loss.backward()
        found = {name: weight.grad for name, weight in predictor.named_parameters()}
        named = {
            rule.theirs[0]: found[rule.ours]
            for rule in action_predictor_rules(2)
            if found[rule.ours] is not None
        }
        assert named.keys() == record["grads_f64"].keys()
        for name, expected in record["grads_f64"].items():
            assert difference(named[name], expected) <= FLOAT64, name

    def test_mask(self, record: Kind) -> None:
        """Two frames of 2 x 2 patches and two conditions."""
        assert torch.equal(frame_causal_mask(2, 6, CPU), record["causal_mask_T2_H2_W2_add2"])

    @torch.no_grad()
    def test_the_other_pairing_is_told_apart(self, record: Kind) -> None:
        found = loaded(record, pairing="interleaved")(*inputs(record)).flatten(1, 2)
        assert difference(found, record["out"]) > 1e-3


class TestStates:
    @pytest.mark.parametrize("name", ["state_dict", "state_dict_extrinsics"])
    def test_the_names_come_back(self, record: Kind, name: str) -> None:
        predictor = loaded(record, extrinsics=name == "state_dict_extrinsics")
        shape, _ = action_predictor_state(record[name])
        back = to_official_action_predictor(predictor.state_dict(), shape)
        assert back.keys() == record[name].keys()
        assert all(torch.equal(back[key], value) for key, value in record[name].items())

    def test_shape_and_prefix(self, record: Kind) -> None:
        wrapped = {f"module.{name}": value for name, value in record["state_dict"].items()}
        shape, weights = action_predictor_state(wrapped)
        assert (shape.latent_width, shape.width, shape.depth, shape.hidden) == (64, 48, 2, 192)
        assert shape.conditions == (7, 7, 6)
        assert weights.keys() == loaded(record).state_dict().keys()

    def test_all_missing_and_unexpected_names_are_listed(self, record: Kind) -> None:
        state = dict(record["state_dict"])
        del state["extrinsics_encoder.bias"], state["predictor_blocks.0.attn.qkv.weight"]
        state |= {"mask_tokens.0": torch.zeros(1), "pos": torch.zeros(1)}
        found = (
            r"Missing: \['extrinsics_encoder.bias', 'predictor_blocks.0.attn.qkv.weight'\]. "
            r"Unexpected: \['mask_tokens.0', 'pos'\]"
        )
        with pytest.raises(ValueError, match=found):
            action_predictor_state(state)

    def test_no_predictor_at_all(self) -> None:
        with pytest.raises(ValueError, match=r"predictor_blocks\.0"):
            action_predictor_state({"norm.weight": torch.zeros(3)})

    def test_without_extrinsics_nothing_official_comes_out(self, record: Kind) -> None:
        shape, weights = action_predictor_state(record["state_dict"])
        kept = {name: value for name, value in weights.items() if "extrinsics" not in name}
        with pytest.raises(ValueError, match=r"Missing: \['conditions.extrinsics.bias'"):
            to_official_action_predictor(kept, shape)

    def test_heads_of_an_unpublished_width(self, record: Kind) -> None:
        shape, _ = action_predictor_state(record["state_dict"])
        with pytest.raises(ValueError, match="width 48: give the heads"):
            shape.arguments()

    def test_published_size(self) -> None:
        """305.22 million parameters for latents of the giant encoder."""
        with torch.device("meta"):
            released = ActionPredictor(1408, {"action": 7, "state": 7, "extrinsics": 6})
        assert round(sum(p.numel() for p in released.parameters()) / 1e6, 2) == 305.22
        rules = {rule.ours for rule in action_predictor_rules(24)}
        assert rules == released.state_dict().keys()


def small(**other: Any) -> ActionPredictor:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"grid": (2, 3), "width": 32, "depth": 2, "heads": 2} | other
    predictor = ActionPredictor(8, {"push": 2, "arm": 5}, **sizes).eval()
    for weight in predictor.parameters():
        weight.data.normal_(std=0.3)  # small initial weights would hide what leaks
    return predictor


def clip(frames: int = 4) -> tuple[Tensor, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"push": (2, frames, 2), "arm": (2, frames, 5)}
    named = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return torch.randn(2, frames, 6, 8, generator=generator), named


class TestCausality:
    @pytest.mark.parametrize("what", ["features", "push", "arm"])
    @pytest.mark.parametrize("frame", [1, 2, 3])
    @torch.no_grad()
    def test_a_frame_changes_itself_and_later_ones_alone(self, what: str, frame: int) -> None:
        predictor = small()
        features, conditions = clip()
        before = predictor(features, conditions)
        changed = features if what == "features" else conditions[what]
        changed[:, frame] += 1.0
        change = (predictor(features, conditions) - before).abs().amax(dim=(0, 2, 3))
        assert change[:frame].max() == 0
        assert change[frame:].min() > 1e-4

    @torch.no_grad()
    def test_a_shorter_clip_is_the_start_of_a_longer_one(self) -> None:
        features, conditions = clip()
        predictor = small()
        long = predictor(features, conditions)
        for t in (1, 2, 3):
            short = predictor(features[:, :t], {name: x[:, :t] for name, x in conditions.items()})
            assert difference(short, long[:, :t]) <= 1e-5

    @torch.no_grad()
    def test_within_a_frame_all_see_all(self) -> None:
        features, conditions = clip(1)
        predictor = small()
        before = predictor(features, conditions)
        features[:, 0, -1] += 1.0
        assert (predictor(features, conditions) - before).abs().amax(dim=(0, 1, 3)).min() > 1e-4


class TestPlaces:
    def test_conditions_turn_with_time_alone(self) -> None:
        cos, sin = (x.view(3, 8, 16) for x in frame_rotation(3, 2, (2, 3), 16, "tiled", CPU))
        for t in range(3):
            # Four channels an axis: time, row, column, and four that do not turn.
            waves = torch.tensor([t, t / 100.0] * 2)
            assert torch.allclose(cos[t, :, :4], waves.cos())
            assert torch.allclose(sin[t, :, :4], waves.sin())
            assert torch.all(cos[t, :2, 4:] == 1)
            assert torch.all(sin[t, :2, 4:] == 0)
        assert torch.all(sin[..., 12:] == 0)

    def test_columns_span_as_many_positions_as_there_are_rows(self) -> None:
        _, sin = frame_rotation(1, 0, (2, 3), 16, "tiled", CPU)
        expected = torch.tensor([[0.0, 0], [0, 2 / 3], [0, 4 / 3], [1, 0], [1, 2 / 3], [1, 4 / 3]])
        assert torch.allclose(sin[:, [4, 8]], expected.sin())

    def test_tables_are_kept_and_serve_a_backward_pass_after_validation(self) -> None:
        """Lightning validates first, in inference mode."""
        frame_causal_mask.cache_clear()
        frame_rotation.cache_clear()
        predictor = small()
        with torch.inference_mode():
            predictor(*clip())
        predictor(*clip()).sum().backward()
        mask = frame_causal_mask(4, 8, CPU, past=0, memory=None)
        kept = (mask, *frame_rotation(4, 2, (2, 3), 16, "tiled", CPU, start=0))
        assert frame_causal_mask.cache_info().misses == frame_rotation.cache_info().misses == 1
        assert not any(tensor.is_inference() for tensor in kept)


class TestRefusals:
    def test_conditions(self) -> None:
        features, conditions = clip()
        with pytest.raises(ValueError, match=r"missing: \['arm'\], or unknown: \['gripper'\]"):
            small()(features, {"push": conditions["push"], "gripper": conditions["arm"]})
        with pytest.raises(ValueError, match=r"arm must be \(2, 4, 5\), came \(2, 4, 2\)"):
            small()(features, conditions | {"arm": conditions["push"]})
        with pytest.raises(ValueError, match=r"arm must be \(2, 4, 5\), came \(2, 3, 5\)"):
            small()(features, conditions | {"arm": conditions["arm"][:, :3]})

    def test_an_unused_condition_is_not_taken(self) -> None:
        features, conditions = clip()
        predictor = small(unused=("arm",))
        with pytest.raises(ValueError, match=r"unknown: \['arm'\]"):
            predictor(features, conditions)
        assert predictor(features, {"push": conditions["push"]}).shape == features.shape
        assert not predictor.conditions["arm"].weight.requires_grad

    @pytest.mark.parametrize("shape", [(2, 4, 5, 8), (2, 4, 6, 9)])
    def test_features(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"must be \(b, t, 6, 8\)"):
            small()(torch.zeros(shape), clip()[1])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"unused": ("gripper",)}, r"unused has \['gripper'\]"),
            ({"width": 32, "heads": 8}, "at least 6 channels a head, came 4"),
            ({"width": 33, "heads": 2}, "must be a multiple of heads"),
        ],
    )
    def test_construction(self, arguments: dict[str, Any], message: str) -> None:
        given: dict[str, Any] = {"conditions": {"push": 2}, "width": 32, "heads": 2} | arguments
        with pytest.raises(ValueError, match=message):
            ActionPredictor(8, **given)


def test_flops_are_those_of_what_is_seen() -> None:
    """Twice the products of linear layers, and attention of a frame to itself and earlier ones."""
    predictor = small(mlp_ratio=3.0)
    linear = 2 * 6 * (8 * 32) * 2 + 2 * (2 + 5) * 32
    block = 2 * 8 * 32 * (4 * 32 + 2 * 96)
    seen = 4 * 32 * 8 * 8 * (1 + 2 + 3)
    assert predictor.flops(2, 3) == 2 * (3 * (linear + 2 * block) + 2 * seen)
