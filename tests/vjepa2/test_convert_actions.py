"""V-JEPA 2-AC through the command line: files to runs and back, recorded losses, and refusals."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from converting import SIZES, Official, State, record_of, refused, same
from official import clips, recorded

from jepakit.actions import FRANKA, ActionSpace, StateChange
from jepakit.nn import VisionTransformer
from jepakit.nn.readout import PooledPatches
from jepakit.training.checkpoint_io import DurableCheckpointIO
from jepakit.training.runs import RunFolder, build_model, load_run
from jepakit.transitions import TransitionBatch
from vjepa2.action_predictor import ActionPredictor
from vjepa2.checkpoints.action_file import action_model, official_action_parts
from vjepa2.checkpoints.action_model import ActionModel
from vjepa2.checkpoints.action_run import action_config, model_of_dynamics
from vjepa2.checkpoints.official import encoder_state
from vjepa2.checkpoints.official_action import ActionPredictorShape, to_official_action_predictor
from vjepa2.checkpoints.official_file import read_official
from vjepa2.checkpoints.shapes import EncoderShape
from vjepa2.convert import main
from vjepa2.dynamics import Dynamics
from vjepa2.encoder import Encoder

FLOAT32 = 2e-5
RECORDED = ["--heads", "2", "--predictor_heads", "3", "--frames", "4", "--size", "32"]
ARM = ActionSpace(
    ("x", "y"), (-1.0, -1.0), (1.0, 1.0), ("px", "py"), (StateChange((0, 1), (0, 1), scale=0.1),)
)


def predictor_state(latent_width: int = 24, width: int = 7) -> State:
    """A tiny official predictor on actions of this many numbers."""
    conditions = {"action": width, "state": width, "extrinsics": width - 1}
    predictor = ActionPredictor(latent_width, conditions, (4, 4), width=24, depth=2, heads=2)
    for parameter in predictor.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    shape = ActionPredictorShape(latent_width, 24, 2, 96, (width, width, width - 1))
    return to_official_action_predictor(predictor.state_dict(), shape)


def file(
    path: Path,
    predictor: State,
    encoder: State | None = None,
    prefix: str = "module.",
    **other: Any,
) -> str:
    """A file as released, with one encoder."""
    encoder = Official().encoder_state if encoder is None else encoder
    content = {"encoder": encoder, "predictor": predictor}
    wrapped = {part: {prefix + n: w for n, w in s.items()} for part, s in content.items()}
    torch.save(wrapped | other, path)
    return str(path)


def dynamics(path: Path) -> Dynamics:
    run = load_run(path)
    assert isinstance(run, Dynamics)
    return run


def saved(path: Path) -> dict[str, State]:
    return torch.load(path / "official.pt", weights_only=True)


def plain(state: State) -> State:
    return {n.removeprefix("module.").removeprefix("backbone."): w for n, w in state.items()}


@pytest.mark.parametrize("rollout", [1, 2, 3])
def test_recorded_losses_through_the_program(tmp_path: Path, rollout: int) -> None:
    """Of the released training step, out of a run folder that the program wrote."""
    record = recorded("official_ac_predictor_tiny")
    source = file(tmp_path / "ac.pt", record["state_dict"], record["enc_state_dict"])
    main([source, str(tmp_path / "run"), "--to", "ours", *RECORDED])
    run = dynamics(tmp_path / "run")
    assert (run.objective.power, run.objective.rollout, run.target) == (1, 2, "frozen")
    run.objective = type(run.objective)(rollout=rollout)
    states, actions = record["states"], record["actions"][:, :-1]
    batch = TransitionBatch(clips(record["clips"]), actions, states, keys=("a", "b", "c"))
    found, expected = run.loss(batch), record["losses"][f"auto{rollout}"]
    assert found.teacher_forced.item() == pytest.approx(expected["tf"].item(), abs=FLOAT32)
    assert found.rollout.item() == pytest.approx(expected["rollout"].item(), abs=FLOAT32)


@torch.no_grad()
def test_recorded_predictions_through_the_program(tmp_path: Path) -> None:
    record = recorded("official_ac_predictor_tiny")
    source = file(tmp_path / "ac.pt", record["state_dict"], record["enc_state_dict"])
    main([source, str(tmp_path / "run"), "--to", "ours", *RECORDED])
    run = dynamics(tmp_path / "run")
    features = record["feats"].unflatten(1, (4, 16))
    given = {"action": record["actions"], "state": record["states"]}
    found = run.predictor(features, given).flatten(1, 2)
    assert (found - record["out"]).abs().max() <= FLOAT32
    seen = run.perception(clips(record["clips"])).flatten(1, 2)
    assert (seen - record["frame_features_f64"]).abs().max() <= FLOAT32


def test_there_and_back(tmp_path: Path) -> None:
    """As a user runs it: every tensor of the file comes back, and the record says what is new."""
    encoder, predictor = Official().encoder_state, predictor_state()
    encoder["pos_embed"] = torch.zeros(1, 32, 24)  # published files hold it, nothing reads it
    source = file(tmp_path / "ac.pt", predictor, encoder, epoch=3)
    sizes = ["--heads", "2", "--predictor_heads", "2", "--size", "32"]
    program = [sys.executable, "-m", "vjepa2.convert"]
    run, back = tmp_path / "runs" / "ac", tmp_path / "back"
    arguments = [source, str(run), "--to", "ours", *sizes]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"Written: {run}\n")
    main([str(run), str(back), "--to", "official"])
    del encoder["pos_embed"]
    found = saved(back)
    assert found.keys() == {"encoder", "target_encoder", "predictor"}
    assert all(name.startswith("module.") for part in found.values() for name in part)
    assert same(plain(found["encoder"]), encoder)
    assert same(plain(found["target_encoder"]), encoder)
    assert same(plain(found["predictor"]), predictor)
    taken = record_of(run)["from"]
    assert taken["assumed"] == {"actions": "FRANKA", "extrinsics": "unused", "frames": 8}
    assert (taken["target_encoder"], taken["left_out"]) == ("encoder", ["epoch"])
    assert record_of(back)["to"]["fresh"] == []


def test_the_published_sizes_need_no_options() -> None:
    """ViT-g with a predictor of 305.22 million weights, without memory for any of them."""
    conditions = {"action": 7, "state": 7, "extrinsics": 6}
    with torch.device("meta"):
        encoder = Encoder("vit_g", frames=2)
        predictor = ActionPredictor(1408, conditions)
    shape = ActionPredictorShape(1408, 1024, 24, 4096, (7, 7, 6))
    state = to_official_action_predictor(predictor.state_dict(), shape)
    assert sum(weight.numel() for weight in state.values()) == pytest.approx(305.22e6, rel=1e-4)
    seen = EncoderShape("vjepa2", 1408, 40, 6144, 16, 2, 0)
    model = action_model(seen, encoder.state_dict(), state, record={})
    model.check()
    assert model.record["assumed"] == {
        "actions": "FRANKA",
        "extrinsics": "unused",
        "frames": 8,
        "heads": 22,
        "predictor_heads": 16,
        "size": 256,
    }


@pytest.mark.parametrize("prefix", ["", "module.", "module.backbone."])
def test_what_wrappers_put_in_front_of_names(tmp_path: Path, prefix: str) -> None:
    predictor = predictor_state()
    source = file(tmp_path / "ac.pt", predictor, prefix=prefix)
    model = read_official(Path(source), heads=2, predictor_heads=2, size=32)
    model.check()
    assert isinstance(model, ActionModel)
    written = official_action_parts(model)[0]["predictor"]
    assert same(written, predictor)


def test_the_configuration_builds_the_model_that_trains(tmp_path: Path) -> None:
    source = file(tmp_path / "ac.pt", predictor_state())
    main([source, str(tmp_path / "run"), "--to", "ours", *SIZES[:4], "--size", "32"])
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    built = build_model(config["model"])
    assert isinstance(built, Dynamics)
    assert (built.actions, built.frames) == (FRANKA, 8)
    assert built.predictor.used == {"action": 7, "state": 7}
    assert not built.predictor.conditions["extrinsics"].weight.requires_grad
    model = model_of_dynamics(dynamics(tmp_path / "run"), encoder="target", record={})
    assert action_config(model) == config["model"]


def test_the_moving_average_is_taken_where_a_file_has_both(tmp_path: Path) -> None:
    average, other = Official(), Official()
    source = file(
        tmp_path / "ac.pt",
        predictor_state(),
        other.encoder_state,
        target_encoder=average.encoder_state,
    )
    for role, expected, rest in (("target", average, "encoder"), ("context", other, None)):
        goal = tmp_path / role
        main([source, str(goal), "--to", "ours", "--encoder", role, *SIZES])
        encoder = dynamics(goal).perception.encoder
        assert torch.equal(encoder.norm.weight, expected.encoder.norm.weight)
        assert record_of(goal)["from"]["left_out"] == [rest or "target_encoder"]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_other_actions(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    source, goal = file(tmp_path / "ac.pt", predictor_state(width=2)), str(tmp_path / "run")
    arguments = [source, goal, "--to", "ours", *SIZES]
    refused(capsys, arguments, "actions of 2 numbers and states of 2", "has 7 and 7", "--actions")
    space = tmp_path / f"space.{suffix}"
    space.write_text(yaml.safe_dump(ARM.to_json(), default_flow_style=suffix == "json"))
    main([*arguments, "--actions", str(space)])
    assert dynamics(tmp_path / "run").actions == ARM
    assert "actions" not in record_of(tmp_path / "run")["from"]["assumed"]


def test_files_that_describe_no_actions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [file(tmp_path / "ac.pt", predictor_state()), str(tmp_path / "run"), "--to", "ours"]
    space = tmp_path / "space.yaml"
    arguments += [*SIZES, "--actions", str(space)]
    refused(capsys, arguments, "There is no file", "space.yaml")
    for text, reason in (
        ("7", "it is a int"),
        ("{names: [x], low: [0]}", "it has no 'high'"),
        ("{names: [x], low: [a], high: [1]}", "'a'"),
        ("{names: [x], low: [0], high: [1], speed: [1]}", "speed"),
        ("{names: [x], low: [1], high: [0]}", "below the upper"),
        ("{names: [x", "expected"),
    ):
        space.write_text(text)
        refused(capsys, arguments, "describes no actions", reason, "state_names and changes")
    space.write_text("{names: [x], low: [0], high: [1]}")
    refused(capsys, arguments, "actions of 7 numbers", "the file of --actions has 1 and 0")
    arguments[0] = Official().file(tmp_path / "file.pt")
    refused(capsys, arguments, "no predictor on actions", "leave --actions out")


def test_networks_that_do_not_belong_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goal = [str(tmp_path / "run"), "--to", "ours", *SIZES]
    wide = file(tmp_path / "wide.pt", predictor_state(latent_width=40))
    refused(capsys, [wide, *goal], "latents of width 40", "tokens of width 24")
    predictor = predictor_state()
    del predictor["state_encoder.bias"], predictor["predictor_norm.weight"]
    predictor["mask_tokens.0"] = torch.zeros(1)
    broken = file(tmp_path / "broken.pt", predictor)
    missing = "Missing: ['predictor_norm.weight', 'state_encoder.bias']"
    refused(capsys, [broken, *goal], missing, "Unexpected: ['mask_tokens.0']")
    torch.save({"predictor": predictor_state()}, tmp_path / "alone.pt")
    refused(capsys, [str(tmp_path / "alone.pt"), *goal], "on actions and no encoder", "as encoder")
    right = file(tmp_path / "right.pt", predictor_state())
    refused(capsys, [right, *goal, "--layout", "vjepa2.1"], "They fit the layout vjepa2")
    refused(capsys, [right, *goal[:5], "--size", "32"], "--predictor_heads N")
    refused(capsys, [right, *goal, "--frames", "2"], "too few for a rollout of 2")
    hugging = [right, str(tmp_path / "hf"), "--to", "huggingface", *SIZES]
    refused(capsys, hugging, "no class for a predictor on actions", "--to official")


def test_a_world_model_of_ours_becomes_a_file(tmp_path: Path) -> None:
    """One that was trained without the camera's layer, and with a teacher."""
    encoder, weights = encoder_state(Official().encoder_state)
    layers = {"width": 24, "depth": 2, "heads": 2}
    model = action_model(
        encoder, weights, predictor_state(), heads=2, predictor_heads=2, size=32, record={}
    )
    config = action_config(model)
    config["init_args"] |= {"target": "ema", "actions": ARM.to_json(), "unused": {}}
    config["init_args"]["predictor"]["init_args"] = layers
    config["init_args"]["objective"] |= {"sigreg_weight": 0.1}
    module = build_model(config)
    assert isinstance(module, Dynamics)
    assert module.teacher is not None
    module.teacher.encoder.norm.weight.data.fill_(3.0)
    place = RunFolder(tmp_path / "run")
    place.path.mkdir()
    place.config.write_text(yaml.safe_dump({"model": config}))
    DurableCheckpointIO().save_checkpoint({"state_dict": module.state_dict()}, place.last)
    main([str(place.path), str(tmp_path / "file"), "--to", "official"])
    found, record = saved(tmp_path / "file"), record_of(tmp_path / "file")
    assert (found["target_encoder"]["module.norm.weight"] == 3).all()
    assert (found["encoder"]["module.norm.weight"] == 1).all()
    extrinsics = found["predictor"]["module.extrinsics_encoder.weight"]
    assert (extrinsics.shape, extrinsics.count_nonzero()) == ((24, 1), 0)
    assert record["to"]["fresh"] == ["extrinsics_encoder"]
    assert record["from"]["target_encoder"] == "teacher.encoder"


@pytest.mark.parametrize(
    ("options", "predictor", "expected"),
    [
        ({}, {"pairing": "interleaved", "memory": 2}, "pairing: interleaved .*memory: 2"),
        ({}, {"fusion": "add"}, "fusion: add"),
        ({"readout": partial(PooledPatches, side=2)}, {}, "PooledPatches"),
        ({"normalise": False}, {}, "normalise: False"),
        ({"actions": ActionSpace(("x",), (0.0,), (1.0,))}, {}, r"conditions: \['action'\]"),
    ],
)
def test_world_models_that_the_released_code_cannot_be(
    options: dict[str, Any], predictor: dict[str, Any], expected: str
) -> None:
    encoder = VisionTransformer(24, depth=1, heads=2, frames=2, size=32, patch=8)
    build = partial(ActionPredictor, width=24, depth=1, heads=2, **predictor)
    module = Dynamics(encoder, **({"actions": ARM, "predictor": build} | options))
    with pytest.raises(ValueError, match=expected):
        official_action_parts(model_of_dynamics(module, encoder="target", record={}))
