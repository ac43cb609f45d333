"""Late semantic repair of one I-JEPA, through Hugging Face's class and through our converter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from jepakit.interp.adapters.resolve import patchable
from jepakit.interp.drift import late_blocks, late_drift
from jepakit.interp.patch_plans import Donor, Mode, PatchPlan
from jepakit.interp.patching import patch, record_pair
from jepakit.interp.rescue import rescue
from jepakit.training.runs import load_run
from vjepa2 import VJEPA2
from vjepa2.convert import convert

DEPTH = 6
GROUPS = {
    "one": ("3.mlp_hidden",),
    "two": ("3.mlp_hidden", "4.mlp_hidden"),
    "three": ("3.mlp_hidden", "4.attn", "5.attn"),
    "projections": ("2.q", "3.k", "4.v"),
    "stream": ("4.resid",),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations, while it is imported
        hf = pytest.importorskip("transformers", reason="compares with live Hugging Face classes")
    config = hf.IJepaConfig(
        hidden_size=48,
        num_hidden_layers=DEPTH,
        num_attention_heads=2,
        intermediate_size=96,
        image_size=32,
        patch_size=4,
        layer_norm_eps=1e-6,
    )
    theirs = hf.IJepaModel(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.normal_(std=0.15, generator=generator)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1.0)
    folder = tmp_path_factory.mktemp("ijepa")
    theirs.save_pretrained(folder / "theirs")
    convert(str(folder / "theirs"), str(folder / "ours"), to="ours")
    ours = load_run(Path(folder / "ours"))
    assert isinstance(ours, VJEPA2)
    return patchable(theirs), patchable(ours.target_encoder)


def test_drift_and_rescue_agree(both: tuple[Any, Any]) -> None:
    assert [type(encoder).__name__ for encoder in both] == ["IJepaEncoder", "NativeEncoder"]
    assert both[0].sites == both[1].sites
    assert both[0].grid == both[1].grid == (1, 8, 8)
    generator = torch.Generator().manual_seed(1)
    shape = (3, 1, 32, 32, 3)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    black = frames.clone()
    black[:, :, 8:20, 4:20] = 0
    hidden = torch.zeros(3, 8, 8, dtype=torch.bool)
    hidden[:, 2:5, 1:5] = True
    modes: tuple[Mode, ...] = ("full", "masked", "context")
    donors: tuple[Donor, ...] = ("clean", "other", "same_norm")
    plans = {
        f"{group} {mode} {donor}": PatchPlan(sites, mode, donor)
        for group, sites in GROUPS.items()
        for mode in modes
        for donor in donors
    }
    sites = {site for group in GROUPS.values() for site in group}
    late = late_blocks(DEPTH)
    found = []
    for encoder in both:
        runs = record_pair(
            encoder, frames, black, hidden=hidden.flatten(1), sites=sites, side_by_side=3
        )
        curves = patch(runs, plans, generator=torch.Generator().manual_seed(2))
        base = late_drift(runs.base.context, late)
        rescues = [rescue(base, late_drift(curve.context, late)) for curve in curves.values()]
        drifts = [runs.base, *curves.values()]
        found.append(
            (
                torch.stack([torch.stack([c.global_, c.masked, c.context]) for c in drifts]),
                torch.tensor([r.absolute.tolist() for r in rescues]),
                torch.tensor([r.fraction.tolist() for r in rescues]),
            )
        )
    assert found[0][0][0, 2, -1].min() > 0.01  # there is something to repair
    assert found[0][2].max() > 0.1
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    worst = [(a - b).abs().max().item() for a, b in zip(*found, strict=True)]
    print("largest differences: drift, rescue, share", *(f"{x:.1e}" for x in worst))  # noqa: T201
