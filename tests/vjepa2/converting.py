"""Tiny official files, and what the command line does with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from jepakit.nn import VisionTransformer
from jepakit.training.runs import load_run
from vjepa2 import VJEPA2, Predictor
from vjepa2.checkpoints.official import to_official_encoder, to_official_predictor
from vjepa2.checkpoints.shapes import EncoderShape, Layout, PredictorShape
from vjepa2.convert import main

SIZES = ["--heads", "2", "--predictor_heads", "2", "--frames", "4", "--size", "32"]
State = dict[str, Tensor]


class Official:
    """A tiny model of ours, and its weights by official names."""

    def __init__(self, layout: Layout = "vjepa2", *, mask_tokens: int = 2, levels: int = 1) -> None:
        newer, images = layout == "vjepa2.1", layout == "ijepa"
        depth = 4 if newer else 2
        position = {"vjepa2": "rope_tiled", "vjepa2.1": "rope_stretched", "ijepa": "learned"}
        self.encoder: VisionTransformer = randomised(
            VisionTransformer(
                24,
                depth=depth,
                heads=2,
                frames=1 if images else 4,
                size=32,
                patch=8,
                tubelet=1 if images else 2,
                mlp_ratio=2.0,
                position=position[layout],  # type: ignore[arg-type]
                levels=(0, 1, 2, 3) if newer else (),
                images=newer,
            )
        )
        target_width = 40 if newer and levels == 1 else None
        self.predictor: Predictor = randomised(
            Predictor(
                self.encoder,
                width=24,
                depth=2,
                heads=2,
                mask_tokens=mask_tokens,
                hierarchy=levels > 1,
                target_width=target_width,
                context=newer,
            )
        )
        shape = EncoderShape(layout, 24, depth, 48, 8, 1 if images else 2, 16 if images else 0)
        predicting = PredictorShape(
            layout, 24, 2, mask_tokens, levels, target_width or 24, context=newer
        )
        self.encoder_state = to_official_encoder(self.encoder.state_dict(), shape)
        self.predictor_state = to_official_predictor(self.predictor.state_dict(), predicting)

    def file(self, path: Path, **other: Any) -> str:
        """As released code writes it, wrapped twice."""
        content = {"target_encoder": self.encoder_state, "predictor": self.predictor_state} | other
        wrapped = {
            name: {f"module.backbone.{key}": value for key, value in part.items()}
            if isinstance(part, dict)
            else part
            for name, part in content.items()
        }
        torch.save(wrapped, path)
        return str(path)


def randomised(module: Any) -> Any:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    return module.eval()


def run_of(path: Path) -> VJEPA2:
    run = load_run(path)
    assert isinstance(run, VJEPA2)
    return run


def record_of(path: Path) -> dict[str, Any]:
    return json.loads((path / "conversion.json").read_text())


def same(found: State, expected: State) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], value) for name, value in expected.items()
    )


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], *expected: str) -> None:
    """The program ends with one line that holds all of ``expected``, and writes nothing."""
    capsys.readouterr()
    before = set(Path(arguments[1]).parent.iterdir())
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    message = str(stop.value)
    assert message.startswith("vjepa2.convert: ")
    for part in expected:
        assert part in message, message
    assert "Written" not in capsys.readouterr().out
    assert set(Path(arguments[1]).parent.iterdir()) == before
