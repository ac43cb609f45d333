"""Models of ours as files of the released code: round trips, and what it has no network for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from converting import SIZES, Official, State, record_of, refused, same
from official import difference, recorded

from vjepa2.checkpoints.huggingface_folder import read_huggingface
from vjepa2.checkpoints.official_file import read_official, write_official
from vjepa2.checkpoints.pretrained import Pretrained
from vjepa2.checkpoints.shapes import EncoderShape, Layout, PredictorShape, layout_of
from vjepa2.convert import main

PREFIX: dict[Layout, str] = {
    "vjepa2": "module.backbone.",
    "vjepa2.1": "module.backbone.",
    "ijepa": "module.",
}


def saved(path: Path) -> dict[str, State]:
    return torch.load(path / "official.pt", weights_only=True)


@pytest.mark.parametrize(
    ("layout", "levels"), [("vjepa2", 1), ("vjepa2.1", 4), ("vjepa2.1", 1), ("ijepa", 1)]
)
def test_there_and_back(tmp_path: Path, layout: Layout, levels: int) -> None:
    """Every tensor of both encoders and of the predictor, to the bit."""
    tokens, prefix = 1 if layout == "ijepa" else 3, PREFIX[layout]
    average = Official(layout, mask_tokens=tokens, levels=levels)
    trained = Official(layout, mask_tokens=tokens, levels=levels)
    source = average.file(tmp_path / "file.pt", encoder=trained.encoder_state, opt={})
    heads = SIZES[:4] if layout == "ijepa" else SIZES
    main([source, str(tmp_path / "run"), "--to", "ours", *heads])
    main([str(tmp_path / "run"), str(tmp_path / "back"), "--to", "official"])
    found = saved(tmp_path / "back")
    expected = {
        "target_encoder": average.encoder_state,
        "encoder": trained.encoder_state,
        "predictor": average.predictor_state,
    }
    assert found.keys() == expected.keys()
    for part, state in expected.items():
        assert same(found[part], {prefix + name: w for name, w in state.items()}), part
    record = record_of(tmp_path / "back")
    assert record["to"]["format"] == f"official, {layout}"
    assert record["to"]["file"] == "official.pt"
    assert record["from"]["left_out"] == record["to"]["fresh"] == []


def test_one_encoder_of_a_run(tmp_path: Path) -> None:
    average, trained = Official(), Official()
    source = average.file(tmp_path / "file.pt", encoder=trained.encoder_state)
    main([source, str(tmp_path / "run"), "--to", "ours", *SIZES])
    arguments = [str(tmp_path / "run"), str(tmp_path / "one"), "--to", "official"]
    main([*arguments, "--encoder", "context"])
    found = saved(tmp_path / "one")
    assert same(found["encoder"], found["target_encoder"])
    name = "module.backbone.norm.weight"
    assert torch.equal(found["encoder"][name], trained.encoder.norm.weight)
    assert record_of(tmp_path / "one")["from"]["left_out"] == ["target_encoder"]
    main([str(tmp_path / "run"), str(tmp_path / "hf"), "--to", "huggingface"])
    assert record_of(tmp_path / "hf")["to"]["not_written"] == ["encoder"]


def test_a_file_without_a_predictor(tmp_path: Path) -> None:
    torch.save(Official().encoder_state, tmp_path / "encoder.pt")
    model = read_official(tmp_path / "encoder.pt", heads=2, frames=4, size=32)
    write_official(model, tmp_path)
    assert saved(tmp_path).keys() == {"encoder", "target_encoder"}


def test_from_hugging_face(tmp_path: Path) -> None:
    """There and back through the other two formats."""
    official = Official(mask_tokens=3)
    source = official.file(tmp_path / "file.pt")
    main([source, str(tmp_path / "hf"), "--to", "huggingface", *SIZES])
    main([str(tmp_path / "hf"), str(tmp_path / "back"), "--to", "official"])
    found = saved(tmp_path / "back")["predictor"]
    expected = {PREFIX["vjepa2"] + n: w for n, w in official.predictor_state.items()}
    assert same(found, expected)


def test_the_recorded_networks(tmp_path: Path) -> None:
    """Files with the recorded weights hold them again, whatever names they came with."""
    record = recorded("official_encoder_tiny")
    torch.save({"target_encoder": record["state_dict"]}, tmp_path / "file.pt")
    write_official(read_official(tmp_path / "file.pt", heads=2, frames=4, size=32), tmp_path)
    found = saved(tmp_path)["target_encoder"]
    names = {PREFIX["vjepa2"] + name for name in record["state_dict"]}
    assert found.keys() == names
    for name, value in record["state_dict"].items():
        assert difference(found[PREFIX["vjepa2"] + name], value) == 0


def test_what_the_released_code_has_no_network_for() -> None:
    encoder = EncoderShape("vjepa2", 24, 2, 48, 8, 2, 0).arguments(heads=2)
    assert layout_of(encoder) == "vjepa2"
    for other in ({"position": "rope"}, {"images": True}, {"levels": [0, 1]}):
        with pytest.raises(ValueError, match="no encoder with position"):
            layout_of(encoder | other)
    images = EncoderShape("ijepa", 24, 2, 48, 8, 1, 16).arguments(heads=2)
    predictor = PredictorShape("ijepa", 24, 2, 1, 1, 24, context=False).arguments(images)
    assert PredictorShape.of(predictor, images).layout == "ijepa"
    with pytest.raises(ValueError, match="one mask token, this one 2"):
        PredictorShape.of(predictor | {"mask_tokens": 2}, images)


def test_options_that_would_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Official().file(tmp_path / "file.pt")
    refused(capsys, [source, str(tmp_path / "back"), "--to", "official"], "in that format already")
    main([source, str(tmp_path / "hf"), "--to", "huggingface", *SIZES])
    assert isinstance(read_huggingface(tmp_path / "hf"), Pretrained)
    arguments = [str(tmp_path / "hf"), str(tmp_path / "back"), "--to", "official"]
    refused(capsys, [*arguments, "--size", "64"], "does not hold ['size']")
    refused(capsys, [*arguments, "--actions", "space.yaml"], "['actions'] are for official files")
    arguments[1] = str(tmp_path / "back.pt")
    refused(capsys, arguments, "back.pt must be a folder")
