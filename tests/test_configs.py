"""Every shipped configuration parses, says what its name says, and trains."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from tiny_runs import ENCODER, MARKS

from data_prep.simulated.push import push
from jepakit.training.cli import TrainCLI
from plan import read_options

pytestmark = MARKS
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
ROWS = CONFIGS / "cjepa" / "ablations"
BASE = CONFIGS / "cjepa" / "vit_s.yaml"
DYNAMICS = CONFIGS / "vjepa2" / "push_paper.yaml"
DYNAMICS_ROWS = CONFIGS / "vjepa2" / "ablations"
PLANS = sorted((CONFIGS / "plan").glob("*.yaml"))
WHOLE = sorted(
    path
    for path in CONFIGS.rglob("*.yaml")
    if path.parent.name not in ("ablations", "stages")
    and path not in PLANS
    and "tables" not in path.parts
)

CHANGES: dict[str, dict[str, Any]] = {
    "five_objects": {"masker.init_args.max_objects": 5},
    "fixed_tau": {"optimization.ema": 0.999, "optimization.final_ema": 0.999},
    "full_sequence": {"full_sequence": True},
    "joint_segmentation": {"masker": None, "segmentation": "cjepa.LearnedObjects"},
    "no_causal": {"causal_weight": 0.0},
    "no_sigreg": {"sigreg_weight": 0.0},
    "predictor_192": {"predictor.init_args.width": 192},
    "predictor_768": {"predictor.init_args.width": 768},
    "predictor_depth_12": {"predictor.init_args.depth": 12},
    "random_patches": {"masker": "jepakit.masks.MultiblockMasker"},
    "single_object": {"masker.init_args.max_objects": 1},
    "superpixels": {"masker": "jepakit.masks.SuperpixelMasker"},
    "tubes": {"masker": "jepakit.masks.TubeMasker"},
}
"""What each row of the ablation table changes of the model's arguments, and to what."""

DYNAMICS_CHANGES: dict[str, dict[str, Any]] = {
    "additive_fusion": {"predictor.init_args.fusion": "add"},
    "larger_predictor": {"predictor.init_args.width": 256},
    "multi_step": {"objective.rollout": 5},
    "no_ema": {"target": "online"},
    "no_pretraining": {},
    "pixel_target": {
        "encoder": "jepakit.nn.PixelEncoder",
        "target": "frozen",
        "normalise": False,
    },
}
"""The same of V-JEPA 2's dynamics; rows without a pretrained encoder start from no run."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py"])


def arguments(*configs: Path) -> list[str]:
    return [word for path in configs for word in ("--config", str(path))]


def resolved(*configs: Path) -> dict[str, Any]:
    """Every option, as ``--print_config`` shows them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as exit_:
        TrainCLI([*arguments(*configs), "--print_config"])
    assert exit_.value.code == 0
    return yaml.safe_load(printed.getvalue())


def changes(one: Any, other: Any, key: str = "") -> dict[str, Any]:
    """New values by dotted name; of another class only its name."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.get("class_path") == other.get("class_path"):
            names = sorted(one.keys() | other.keys())
            parts = [changes(one.get(n), other.get(n), f"{key}.{n}".strip(".")) for n in names]
            return {name: value for part in parts for name, value in part.items()}
        return {key: other["class_path"]}
    return {} if one == other else {key: other["class_path"] if isinstance(other, dict) else other}


SIZED = {"name": "vit_ti", "frames": 4, "size": 32, "patch": 8}
"""The smallest encoder of those that go by a name."""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of still images, each of which is a clip that stands still."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(6):
        Image.new("RGB", (48, 40), (40 * number, 99, 7)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few episodes of the push world, long enough for every recipe's windows."""
    folder = tmp_path_factory.mktemp("episodes")
    push(str(folder), episodes=6, val_episodes=2, frames=12, size=32)
    return folder


def step(shards: Path, pictures: Path, episodes: Path, *configs: Path) -> TrainCLI:
    """``--dry-run`` with a small encoder on the clips at hand, on one CPU."""
    options = yaml.safe_load(configs[0].read_text())
    named = "name" in options["model"]["init_args"]["encoder"].get("init_args", {})
    encoder = SIZED if named else ENCODER
    if any("PixelEncoder" in path.read_text() for path in configs):
        encoder = {name: ENCODER[name] for name in ("frames", "size", "patch", "tubelet")}
    small = [f"--model.encoder.{name}={value}" for name, value in encoder.items()]
    if options["data"]["class_path"].endswith("VideoDataModule"):
        small += [f"--data.train={pictures}", "--data.val_share=0"]
        if "images" in options["data"]["init_args"]:
            small += [f"--data.images.path={pictures}", "--data.images.by=batch"]
    elif options["data"]["class_path"].endswith("TransitionDataModule"):
        small += [f"--data.train={episodes}", f"--data.val={episodes}", "--start_from=null"]
        if "features" in options["data"]["init_args"]:
            small += ["--data.features=null"]
    else:
        small += [f"--data.train={shards}", f"--data.val={shards}"]
    one = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto"}
    one["precision"] = "32-true"
    small += [f"--trainer.{name}={value}" for name, value in one.items()]
    small += ["--data.batch_size=4", "--data.workers=0", "--dry-run"]
    cli = TrainCLI([*arguments(*configs), *small])
    cli.fit()
    return cli


def test_there_are_thirteen_rows() -> None:
    assert {path.stem for path in ROWS.glob("*")} == CHANGES.keys()
    assert len(CHANGES) == 13


@pytest.mark.parametrize("row", CHANGES)
def test_a_row_changes_what_it_says_and_nothing_else(row: str) -> None:
    found = changes(resolved(BASE), resolved(BASE, ROWS / f"{row}.yaml"))
    assert found == {f"model.init_args.{key}": value for key, value in CHANGES[row].items()}


@pytest.mark.parametrize("row", CHANGES)
def test_a_row_is_a_few_lines_for_any_base(row: str) -> None:
    text = (ROWS / f"{row}.yaml").read_text()
    assert text.startswith("# ")
    assert len(text.splitlines()) <= 8
    assert yaml.safe_load(text).keys() == {"model"}


def test_the_second_stage_trains_the_predictor_alone(
    shards: Path, pictures: Path, episodes: Path
) -> None:
    demo = CONFIGS / "cjepa" / "demo.yaml"
    cli = step(shards, pictures, episodes, demo, CONFIGS / "cjepa/stages/causal_effects.yaml")
    learns = {n.split(".")[0] for n, p in cli.model.named_parameters() if p.requires_grad}
    assert learns == {"predictor"}
    assert cli.model.causal_loss.reduction == "sum"
    assert cli.model.intervention == "resimulated"


def test_the_second_stage_without_a_first_is_refused(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = (CONFIGS / "cjepa" / "demo.yaml", CONFIGS / "cjepa/stages/causal_effects.yaml")
    options = [f"--data.path={shards}", f"--runs={tmp_path}"]
    with pytest.raises(SystemExit):
        TrainCLI([*arguments(*configs), *options])
    told = " ".join(capsys.readouterr().err.split())
    assert "pass --start_from RUN, the run of the first stage" in told


@pytest.mark.parametrize("row", DYNAMICS_CHANGES)
def test_a_row_of_the_dynamics_changes_what_it_says_and_nothing_else(row: str) -> None:
    found = changes(resolved(DYNAMICS), resolved(DYNAMICS, DYNAMICS_ROWS / f"{row}.yaml"))
    fresh = {"start_from": None} if row in ("no_pretraining", "pixel_target") else {}
    wanted = {f"model.init_args.{key}": value for key, value in DYNAMICS_CHANGES[row].items()}
    assert found == wanted | fresh


@pytest.mark.parametrize("row", DYNAMICS_CHANGES)
def test_a_row_of_the_dynamics_trains(
    row: str, shards: Path, pictures: Path, episodes: Path
) -> None:
    assert {path.stem for path in DYNAMICS_ROWS.glob("*")} == DYNAMICS_CHANGES.keys()
    cli = step(shards, pictures, episodes, DYNAMICS, DYNAMICS_ROWS / f"{row}.yaml")
    (record,) = cli.model.recent
    assert all(value.isfinite() for value in record.losses.values())


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_every_whole_configuration_parses(path: Path) -> None:
    options = resolved(path)
    optimization = options["model"]["init_args"]["optimization"]
    assert optimization["warmup_steps"] < options["trainer"]["max_steps"]


@pytest.mark.parametrize("path", [*WHOLE, *sorted(ROWS.glob("*"))], ids=lambda path: path.stem)
def test_every_configuration_trains(
    path: Path, shards: Path, pictures: Path, episodes: Path
) -> None:
    cli = step(shards, pictures, episodes, *([BASE, path] if path.parent == ROWS else [path]))
    assert cli.trainer.global_step == 1
    (record,) = cli.model.recent
    assert all(value.isfinite() for value in record.losses.values())
    moved = cli.trainer.optimizers[0].state_dict()["state"]
    assert all(state["exp_avg"].isfinite().all() for state in moved.values())
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"causal_wieght": 0.1}, ("Accepted in CausalJEPA: encoder, masker,", "'causal_weight'")),
        ({"optimization": {"warmup": 5}}, ("Accepted in Optimization: lr,", "'warmup_steps'")),
        (
            {"intervention": "zeros"},
            ('"intervention"', "Literal['zero', 'drop', 'resimulated']", "zeros"),
        ),
        ({"encoder": {"depth": "deep"}}, ('"depth"', "<class 'int'>", "deep")),
        ({"masker": "jepakit.masks.Masker"}, ("jepakit.masks.Masker",)),
        ({"predictor": {"init_args": {"wiring": "both"}}}, ("Literal['joint', 'cross']", "both")),
    ],
)
def test_a_wrong_option_in_a_file_is_refused_with_what_is_accepted(
    change: dict[str, Any], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("wrong.yaml").write_text(yaml.safe_dump({"model": {"init_args": change}}))
    with pytest.raises(SystemExit) as exit_:
        TrainCLI(arguments(BASE, Path("wrong.yaml")))
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert all(words in error for words in told), error
    assert not Path("runs").exists()


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_names_recipes_that_are_there_and_runs_that_they_make(path: Path) -> None:
    options = read_options(["--config", str(path)])
    words = [shlex.split(line) for line in options.make]
    recipes = [word for line in words for word in line if word.endswith(".yaml")]
    assert recipes
    assert all((CONFIGS.parent / recipe).is_file() for recipe in recipes)
    made = {f"runs/{Path(recipe).stem}" for recipe in recipes}
    assert {options.run, options.cloning} <= made
