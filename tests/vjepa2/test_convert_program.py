"""The command line: round trips of official files, and what it refuses."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from converting import SIZES, Official, record_of, refused, run_of, same
from safetensors.torch import save_file

from jepakit.batch import SceneBatch
from jepakit.masks import draw_masks
from jepakit.protocols import MaskInput
from jepakit.weight_files import whole_folder
from vjepa2.checkpoints.shapes import EncoderShape, Layout
from vjepa2.convert import main


@pytest.mark.parametrize(
    ("layout", "levels"), [("vjepa2", 1), ("vjepa2.1", 4), ("vjepa2.1", 1), ("ijepa", 1)]
)
def test_an_official_file_becomes_a_run(tmp_path: Path, layout: Layout, levels: int) -> None:
    """The same weights to the bit, hence the same latents, and what trains them further."""
    images = layout == "ijepa"
    tokens = 1 if images else 2
    official = Official(layout, mask_tokens=tokens, levels=levels)
    source = official.file(tmp_path / "file.pt")
    heads = SIZES[:4] if images else SIZES
    main([source, str(tmp_path / "run"), "--to", "ours", *heads])
    run = run_of(tmp_path / "run")
    assert same(run.target_encoder.state_dict(), official.encoder.state_dict())
    assert same(run.encoder.state_dict(), official.encoder.state_dict())
    assert same(run.predictor.state_dict(), official.predictor.state_dict())
    batch = SceneBatch.fake(frames=run.request.frames, tubelet=run.request.tubelet)
    assert torch.equal(run.encode(batch.frames), official.encoder.encode(batch.frames))
    if levels > 1 or layout != "vjepa2.1":  # a distilled predictor is of another teacher's width
        inputs = [MaskInput(batch.coverage[i], batch.frames[i]) for i in range(2)]
        masks = draw_masks(run.masker, inputs, [(0,), (1,)])
        assert run.loss(SceneBatch(batch.frames, batch.coverage, batch.keys, masks)).total > 0
    record = record_of(tmp_path / "run")
    assert record["from"]["format"] == f"official, {layout}"
    assert list(record["from"]["sha256"]) == ["file.pt"]
    assert record["from"]["absent"] == record["to"]["fresh"] == []


def test_which_encoder_is_taken(tmp_path: Path) -> None:
    """The moving average is evaluated and the other trained on, unless asked otherwise."""
    average, trained = Official(), Official()
    source = average.file(tmp_path / "file.pt", encoder=trained.encoder_state, opt={}, epoch=3)
    main([source, str(tmp_path / "both"), "--to", "ours", *SIZES])
    both = run_of(tmp_path / "both")
    assert same(both.target_encoder.state_dict(), average.encoder.state_dict())
    assert same(both.encoder.state_dict(), trained.encoder.state_dict())
    assert record_of(tmp_path / "both")["from"]["left_out"] == ["epoch", "opt"]
    main([source, str(tmp_path / "one"), "--to", "ours", "--encoder", "context", *SIZES])
    one = run_of(tmp_path / "one")
    for part in (one.encoder, one.target_encoder):
        assert same(part.state_dict(), trained.encoder.state_dict())
    assert record_of(tmp_path / "one")["from"]["target_encoder"] == "encoder"


def test_the_average_of_distilled_models_and_a_missing_predictor(tmp_path: Path) -> None:
    official = Official()
    torch.save({"ema_encoder": official.encoder_state}, tmp_path / "file.pt")
    main([str(tmp_path / "file.pt"), str(tmp_path / "run"), "--to", "ours", *SIZES])
    run, record = run_of(tmp_path / "run"), record_of(tmp_path / "run")
    assert same(run.target_encoder.state_dict(), official.encoder.state_dict())
    assert record["from"]["target_encoder"] == "ema_encoder"
    assert record["from"]["absent"] == record["to"]["fresh"] == ["predictor"]


def test_a_file_of_one_encoder_in_safetensors(tmp_path: Path) -> None:
    official = Official()
    save_file(official.encoder_state, tmp_path / "e.safetensors")
    sizes = ["--heads", "2", "--frames", "4", "--size", "32"]
    main([str(tmp_path / "e.safetensors"), str(tmp_path / "run"), "--to", "ours", *sizes])
    assert same(run_of(tmp_path / "run").encoder.state_dict(), official.encoder.state_dict())


def test_what_weights_do_not_show_is_assumed_and_recorded(tmp_path: Path) -> None:
    source = Official().file(tmp_path / "file.pt")
    main([source, str(tmp_path / "run"), "--to", "ours", *SIZES[:4]])
    assert record_of(tmp_path / "run")["from"]["assumed"] == {"frames": 64, "size": 256}
    assert run_of(tmp_path / "run").request.frames == 64


def test_tables_of_positions_are_dropped_only_where_rotary_ones_replace_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = Official()
    official.encoder_state["pos_embed"] = torch.zeros(1, 32, 24)
    official.predictor_state["predictor_pos_embed"] = torch.zeros(1, 32, 24)
    source = official.file(tmp_path / "file.pt")
    main([source, str(tmp_path / "run"), "--to", "ours", *SIZES])
    images = Official("ijepa", mask_tokens=1)
    del images.predictor_state["predictor_pos_embed"]
    source = images.file(tmp_path / "images.pt")
    refused(
        capsys,
        [source, str(tmp_path / "no"), "--to", "ours", *SIZES[:4]],
        "Missing: ['predictor_pos_embed']",
    )


def test_official_to_hugging_face_in_one_step(tmp_path: Path) -> None:
    official = Official()
    source = official.file(tmp_path / "file.pt")
    main([source, str(tmp_path / "direct"), "--to", "huggingface", *SIZES])
    main([source, str(tmp_path / "run"), "--to", "ours", *SIZES])
    main([str(tmp_path / "run"), str(tmp_path / "steps"), "--to", "huggingface"])
    for name in ("config.json", "model.safetensors"):
        direct, steps = (tmp_path / folder / name for folder in ("direct", "steps"))
        assert direct.read_bytes() == steps.read_bytes()


def test_names_that_are_missing_or_unexpected_are_all_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = Official()
    official.encoder_state["cls_token"] = torch.zeros(1)
    official.encoder_state["blocks.0.ls1"] = torch.zeros(1)
    del official.encoder_state["blocks.1.norm2.bias"], official.encoder_state["norm.weight"]
    arguments = [official.file(tmp_path / "file.pt"), str(tmp_path / "run"), "--to", "ours"]
    refused(
        capsys,
        [*arguments, *SIZES],
        "Missing: ['blocks.1.norm2.bias', 'norm.weight']",
        "Unexpected: ['blocks.0.ls1', 'cls_token']",
    )


def test_a_predictor_without_mask_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = Official()
    for number in range(2):
        del official.predictor_state[f"mask_tokens.{number}"]
    arguments = [official.file(tmp_path / "file.pt"), str(tmp_path / "run"), "--to", "ours"]
    refused(capsys, [*arguments, *SIZES], "an official predictor", "Missing: ['mask_tokens.0']")


def test_a_tensor_of_another_shape_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    official = Official()
    official.encoder_state["blocks.1.mlp.fc1.bias"] = torch.zeros(50)
    arguments = [official.file(tmp_path / "file.pt"), str(tmp_path / "run"), "--to", "ours"]
    refused(capsys, [*arguments, *SIZES], "do not fit the encoder", "blocks.1.fc1.bias")


@pytest.mark.parametrize(
    ("held", "asked", "difference"),
    [
        ("vjepa2", "vjepa2.1", "norm.weight (24,) is not part of it"),
        ("vjepa2.1", "vjepa2", "is not part of it"),
        ("ijepa", "vjepa2", "patch_embed.proj.weight has the shape (24, 3, 8, 8) and there 5 axes"),
        ("vjepa2", "ijepa", "pos_embed is missing"),
    ],
)
def test_weights_of_another_release_are_told_by_their_first_difference(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    held: Layout,
    asked: Layout,
    difference: str,
) -> None:
    official = Official(held, mask_tokens=1, levels=4 if held == "vjepa2.1" else 1)
    arguments = [official.file(tmp_path / "file.pt"), str(tmp_path / "run"), "--to", "ours"]
    expected = (f"not weights of {asked}", difference, f"They fit the layout {held}")
    refused(capsys, [*arguments, *SIZES, "--layout", asked], *expected)


def test_heads_are_asked_for_where_no_published_encoder_tells_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Official().file(tmp_path / "file.pt")
    arguments = [source, str(tmp_path / "run"), "--to", "ours"]
    refused(capsys, arguments, "width 24 and depth 2", "--heads N")
    refused(capsys, [*arguments, "--heads", "2"], "predictor", "--predictor_heads N")


def test_heads_of_the_published_encoders() -> None:
    giant = EncoderShape("vjepa2", 1408, 40, 6144, 16, 2, 0)
    assert giant.arguments()["heads"] == 22
    assert EncoderShape("ijepa", 1408, 40, 6144, 16, 1, 196).arguments()["heads"] == 16
    assert EncoderShape("vjepa2.1", 768, 12, 3072, 16, 2, 0).levels == (2, 5, 8, 11)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], zipped: bool
) -> None:
    source, mark = tmp_path / "file.pt", tmp_path / "mark"
    content = {"target_encoder": Official().encoder_state, "extra": Runs(mark)}
    if zipped:
        torch.save(content, source)
    else:
        source.write_bytes(pickle.dumps(content, protocol=2))
    refused(
        capsys, [str(source), str(tmp_path / "run"), "--to", "ours"], "would run code", "file.pt"
    )
    assert not mark.exists()


def test_files_that_are_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    goal = [str(tmp_path / "run"), "--to", "ours"]
    refused(capsys, [str(tmp_path / "none.pt"), *goal], "There is no", "none.pt")
    (tmp_path / "text.pt").write_text("weights")
    refused(capsys, [str(tmp_path / "text.pt"), *goal], "is damaged")
    (tmp_path / "half.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    refused(capsys, [str(tmp_path / "half.safetensors"), *goal], "no whole safetensors file")
    torch.save([1], tmp_path / "list.pt")
    refused(capsys, [str(tmp_path / "list.pt"), *goal], "a list")
    torch.save({"classifiers": [{}], "epoch": 1}, tmp_path / "probe.pt")
    refused(capsys, [str(tmp_path / "probe.pt"), *goal], "attentive probes", "evaluate.py classify")
    torch.save({"encoder": {}}, tmp_path / "context.pt")
    refused(capsys, [str(tmp_path / "context.pt"), *goal], "no target", "--encoder context")
    (tmp_path / "folder").mkdir()
    refused(capsys, [str(tmp_path / "folder"), *goal], "no run folder")


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Official().file(tmp_path / "file.pt")
    goal = tmp_path / "run"
    goal.mkdir()
    main([source, str(goal), "--to", "ours", *SIZES])  # an empty folder may be there
    inside = {path: path.read_bytes() for path in goal.rglob("*") if path.is_file()}
    refused(capsys, [source, str(goal), "--to", "ours", *SIZES], "exists and is not empty")
    refused(capsys, [source, source, "--to", "ours", *SIZES], "exists and is not empty")
    assert all(path.read_bytes() == content for path, content in inside.items())
    for extra in (["--heads", "2"], ["--layout", "vjepa2"]):
        arguments = [str(goal), str(tmp_path / "hf"), "--to", "huggingface", *extra]
        refused(capsys, arguments, extra[0].removeprefix("--"), "official files")
    refused(capsys, [str(goal), str(tmp_path / "x"), "--to", "ours"], "in that format already")


def test_learned_positions_keep_their_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Official("ijepa", mask_tokens=1).file(tmp_path / "file.pt")
    arguments = [source, str(tmp_path / "run"), "--to", "ours", *SIZES[:4], "--size", "64"]
    refused(capsys, arguments, "learned for images of 32 pixels")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    goal = tmp_path / "deep" / "run"

    def interrupted() -> None:
        with whole_folder(goal) as folder:
            (folder / "half").touch()
            assert not goal.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(goal.parent.iterdir()) == []
    with whole_folder(goal) as folder:
        (folder / "all").touch()
    assert [path.name for path in goal.parent.iterdir()] == ["run"]


def test_help_comes_without_torch() -> None:
    code = (
        "import sys; from vjepa2.convert import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "{ours,huggingface,official}" in done.stdout
    assert "{any,vjepa2,vjepa2.1,ijepa}" in done.stdout
