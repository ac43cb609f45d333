"""The world model on actions: recorded losses of V-JEPA 2-AC, rollouts, and what it refuses."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest
import torch
from official import clips, difference, recorded
from small_dynamics import SPACE, batch, small
from torch import Tensor

from jepakit.actions import FRANKA
from jepakit.losses.sigreg import SketchedSigReg
from jepakit.nn.readout import VectorReadout
from jepakit.nn.vit import VisionTransformer
from jepakit.transitions import TransitionBatch
from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.official import encoder_state
from vjepa2.checkpoints.official_action import action_predictor_rules, action_predictor_state
from vjepa2.checkpoints.pretrained import fill
from vjepa2.dynamics import Dynamics
from vjepa2.dynamics_objective import DynamicsObjective


def official(record: dict[str, Any], rollout: int) -> Dynamics:
    encoder = VisionTransformer(
        64, depth=2, heads=2, frames=4, size=32, patch=8, position="rope_tiled"
    )
    shape, weights = action_predictor_state(record["state_dict"])
    sizes = shape.arguments(heads=3, grid=(4, 4))
    for name in ("latent_width", "conditions", "grid"):
        del sizes[name]
    model = Dynamics(
        encoder,
        actions=FRANKA,
        frames=4,
        predictor=partial(ActionPredictor, **sizes),
        objective=DynamicsObjective(rollout=rollout),
        unused={"extrinsics": 6},
    )
    fill(model.perception.encoder, encoder_state(record["enc_state_dict"])[1], what="encoder")
    fill(model.predictor, weights, what="predictor on actions")
    return model.double().eval()


def window(record: dict[str, Any]) -> TransitionBatch:
    return TransitionBatch(
        frames=clips(record["clips"]).double(),
        actions=record["actions"][:, :-1].double(),
        states=record["states"].double(),
        keys=("a", "b", "c"),
    )


class TestRecorded:
    """Losses and gradients of the released training step, in float64."""

    @pytest.mark.parametrize("rollout", [1, 2, 3])
    def test_losses(self, rollout: int) -> None:
        record = recorded("official_ac_predictor_tiny")
        found = official(record, rollout).loss(window(record))
        expected = record["losses"][f"auto{rollout}"]
        assert found.teacher_forced.item() == pytest.approx(expected["tf"].item(), abs=1e-6)
        assert found.rollout.item() == pytest.approx(expected["rollout"].item(), abs=1e-6)
        both = expected["tf"] + expected["rollout"]
        assert found.total.item() == pytest.approx(both.item(), abs=1e-6)

    def test_frame_features(self) -> None:
        record = recorded("official_ac_predictor_tiny")
        found = official(record, 2).perception(clips(record["clips"]).double())
        assert difference(found.flatten(1, 2), record["frame_features_f64"]) <= 1e-6

    @pytest.mark.parametrize("recompute", [False, True])
    def test_gradients(self, recompute: bool) -> None:
        record = recorded("official_ac_predictor_tiny")
        model = official(record, 2)
        model.predictor.recompute = recompute
        model.loss(window(record)).total.backward()
        assert all(weight.grad is None for weight in model.perception.parameters())
        found = {name: weight.grad for name, weight in model.predictor.named_parameters()}
        named = {
            rule.theirs[0]: found[rule.ours]
            for rule in action_predictor_rules(2)
            if found[rule.ours] is not None
        }
        assert named.keys() == record["grads_auto2_f64"].keys()
        for name, expected in record["grads_auto2_f64"].items():
            assert difference(named[name], expected) <= 1e-6, name


def plainly(model: Dynamics, given: TransitionBatch, context: int, actions: Tensor) -> list[Tensor]:
    """Every imagined step by a forward pass over all frames so far."""
    latents = model.perception(given.frames)[:, :context]
    done, states = given.actions[:, : context - 1], given.states[:, :context]
    found = []
    for step in range(actions.shape[1]):
        done = torch.cat([done, actions[:, step : step + 1]], dim=1)
        following = model.predictor(latents, {"action": done, "state": states})[:, -1:]
        found.append(model.perception.normed(following))
        latents = torch.cat([latents, found[-1]], dim=1)
        moved = SPACE.moved(states[:, -1], actions[:, step])
        states = torch.cat([states, moved.unsqueeze(1)], dim=1)
    return [frame[:, 0] for frame in found]


class TestImagination:
    @pytest.mark.parametrize("fusion", ["concat", "add", "cross"])
    @pytest.mark.parametrize("memory", [None, 1, 2, 3])
    @pytest.mark.parametrize("context", [1, 3])
    @torch.no_grad()
    def test_kept_keys_give_what_all_frames_give(
        self, fusion: str, memory: int | None, context: int
    ) -> None:
        model = small(sizes={"fusion": fusion, "memory": memory})
        given = batch()
        actions = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(2)) * 2 - 1
        state = model.start(
            given.frames[:, :context], given.actions[:, : context - 1], given.states[:, :context]
        )
        for step, expected in enumerate(plainly(model, given, context, actions)):
            state = model.step(state, actions[:, step])
            assert difference(state.latents, expected) < 1e-5

    @pytest.mark.parametrize("memory", [None, 2])
    @torch.no_grad()
    def test_candidates_share_their_past(self, memory: int | None) -> None:
        model = small(sizes={"memory": memory})
        given = batch()
        start = model.start(given.frames[:, :3], given.actions[:, :2], given.states[:, :3])
        actions = torch.rand(3, 4, 3, 2, generator=torch.Generator().manual_seed(3)) * 2 - 1
        together = start.repeat(4)
        for step in range(3):
            together = model.step(together, actions[:, :, step].flatten(0, 1))
        for candidate in range(4):
            alone = start
            for step in range(3):
                alone = model.step(alone, actions[:, candidate, step])
            assert difference(together.latents[candidate::4], alone.latents) < 1e-5
            assert torch.equal(together.proprio[candidate::4], alone.proprio)

    @torch.no_grad()
    def test_copies_of_copies(self) -> None:
        model = small()
        given = batch()
        start = model.start(given.frames[:, :2], given.actions[:, :1], given.states[:, :2])
        action = given.actions[:, 1]
        once = model.step(start, action)
        twice = model.step(
            model.step(start.repeat(2), action.repeat_interleave(2, 0)).repeat(3),
            action.repeat_interleave(6, 0),
        )
        expected = model.step(once, action).latents.repeat_interleave(6, 0)
        assert difference(twice.latents, expected) < 1e-5

    def test_a_gradient_reaches_every_action(self) -> None:
        model = small().requires_grad_(requires_grad=False)
        given = batch()
        state = model.start(given.frames[:, :2], given.actions[:, :1], given.states[:, :2])
        actions = torch.zeros(3, 3, 2, requires_grad=True)
        for step in range(3):
            state = model.step(state, actions[:, step])
        state.latents.square().sum().backward()
        assert actions.grad is not None
        assert (actions.grad.abs().amax(dim=(0, 2)) > 0).all()

    @torch.no_grad()
    def test_a_goal_is_seen_as_an_observation_is(self) -> None:
        model, given = small(), batch()
        seen = model.start(given.frames[:, :1], given.actions[:, :0], given.states[:, :1])
        assert torch.equal(model.goal(given.frames[:, 0]), seen.latents)

    def test_limit_of_the_horizon(self) -> None:
        assert small().horizon_limit == 5
        assert small(sizes={"memory": 2}).horizon_limit is None
        assert small(sizes={"memory": 2, "pairing": "tiled"}).horizon_limit == 5


class TestTargets:
    def test_frozen_learns_the_predictor_alone(self) -> None:
        model = small()
        model.loss(batch()).total.backward()
        trained = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
        assert trained == {"predictor"}
        assert {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad} == trained
        assert model.ema_pairs() == []

    def test_a_teacher_gives_the_targets(self) -> None:
        model = small(target="ema")
        before = model.loss(batch())
        assert model.teacher is not None
        for parameter in model.teacher.parameters():
            parameter.data.mul_(1.5)
        after = model.loss(batch())
        assert after.teacher_forced != before.teacher_forced
        assert torch.equal(after.pooled, before.pooled)  # seen by the student
        after.total.backward()
        assert all(p.grad is None for p in model.teacher.parameters())
        assert model.perception.encoder.norm.weight.grad is not None

    def test_online_with_sigreg(self) -> None:
        options = {
            "target": "online",
            "normalise": False,
            "readout": partial(VectorReadout, latent=8),
        }
        objective = DynamicsObjective(power=2, rollout=0, sigreg_weight=0.1)
        model = small(objective=objective, **options)
        found = model.loss(batch())
        latents = model.perception(batch().frames).flatten(0, 2)
        assert found.sigreg.item() == pytest.approx(SketchedSigReg()(latents, step=0).item())
        expected = found.teacher_forced + 0.1 * found.sigreg
        assert torch.allclose(found.total, expected)

    def test_kept_latents_give_the_same_losses(self) -> None:
        model, given = small(), batch()
        with torch.no_grad():
            latents = model.perception(given.frames)
        kept = dataclasses.replace(given, frames=given.frames[:, :, :0, :0], features=latents)
        assert torch.equal(model.loss(kept).total, model.loss(given).total)
        with pytest.raises(ValueError, match="do not learn"):
            small(target="ema").loss(kept)
        with pytest.raises(ValueError, match="set target to frozen"):
            _ = small(target="ema").encoder_sha256

    def test_discount(self) -> None:
        distances = torch.tensor([1.0, 2.0, 4.0])
        assert DynamicsObjective(discount=0.5).discounted(distances).item() == pytest.approx(1.0)


class TestRefusals:
    def test_sizes(self) -> None:
        with pytest.raises(ValueError, match="4 next frames"):
            small(objective=DynamicsObjective(rollout=5))
        with pytest.raises(ValueError, match="readout learns"):
            small(readout=VectorReadout)
        with pytest.raises(ValueError, match="nothing to regularise"):
            small(objective=DynamicsObjective(sigreg_weight=0.1))
        with pytest.raises(ValueError, match="at least 1, got 0"):
            small(sizes={"memory": 0})

    def test_inputs(self) -> None:
        model, given = small(), batch()
        with pytest.raises(ValueError, match=r"trained on 2 actions \('x', 'y'\)"):
            model.start(given.frames[:, :2], torch.zeros(3, 1, 3), given.states[:, :2])
        with pytest.raises(ValueError, match=r"goal image must be \(32, 32\), came \(16, 32\)"):
            model.goal(given.frames[:, 0, :16])

    def test_weights_without_an_encoder(self) -> None:
        with pytest.raises(ValueError, match="neither a world model nor a target_encoder"):
            small().adopt({"predictor.x": torch.zeros(1)})

    def test_the_encoder_of_another_family(self) -> None:
        model, other = (
            small(target="ema"),
            VisionTransformer(24, depth=1, heads=2, frames=2, size=32, patch=8),
        )
        model.adopt({f"target_encoder.{n}": w for n, w in other.state_dict().items()})
        assert model.teacher is not None
        for part in (model.perception, model.teacher):
            assert torch.equal(part.encoder.blocks[0].qkv.weight, other.blocks[0].qkv.weight)


class TestRollouts:
    @pytest.mark.parametrize("memory", [None, 1])
    @torch.no_grad()
    def test_from_every_frame(self, memory: int | None) -> None:
        """The mean over windows that each begin with another frame."""
        objective = DynamicsObjective(rollout=2, rollout_starts="every", discount=0.5)
        model, given = small(objective=objective, sizes={"memory": memory}), batch()
        first = small(
            objective=DynamicsObjective(rollout=2, discount=0.5), sizes={"memory": memory}
        )
        parts = [
            first.loss(
                TransitionBatch(
                    given.frames[:, i : i + 3],
                    given.actions[:, i : i + 2],
                    given.states[:, i : i + 3],
                    given.keys,
                )
            ).rollout
            for i in range(3)
        ]
        assert model.loss(given).rollout.item() == pytest.approx(sum(parts).item() / 3, rel=1e-5)


class TestAdopting:
    def test_the_perception_of_kept_latents(self) -> None:
        model, other = small(), small()
        for parameter in other.parameters():
            parameter.data.mul_(2)
        before = model.predictor.head.weight.clone()
        model.adopt({f"perception.{n}": w for n, w in other.perception.state_dict().items()})
        assert model.encoder_sha256 == other.encoder_sha256
        assert torch.equal(model.predictor.head.weight, before)
        model.adopt(other.state_dict())
        assert torch.equal(model.predictor.head.weight, other.predictor.head.weight)
