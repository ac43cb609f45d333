"""Cost of the SIGReg kinds beside the paper's singular values: ``python -m bench.sigreg``."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable

import torch
from jsonargparse import auto_cli
from torch import Tensor

from bench.harness import emit, interleave, paired_ratio, show
from jepakit.losses import LogDetSigReg, SketchedSigReg, SmallBatchWarning, SpectralSigReg

ORACLE = "svdvals (oracle)"


def singular_values(features: Tensor) -> Tensor:
    """The paper's formula as written: KL of the normalised singular values, by the SVD."""
    sigma = torch.linalg.svdvals(features - features.mean(dim=0))
    share = sigma / sigma.sum()
    return (share * share.clamp(min=1e-12).log()).sum() + math.log(len(share))


def forward_backward(loss: Callable[[Tensor], Tensor], features: Tensor) -> None:
    """One forward and one backward pass."""
    loss(features.detach().requires_grad_()).backward()


def run(batch: int = 256, width: int = 384, rounds: int = 15, threads: int = 1) -> None:
    """Time forward and backward of each kind, interleaved, and print CPU milliseconds.

    Args:
        batch: samples of the joined batch.
        width: width of a sample's vector.
        rounds: how often each is timed.
        threads: CPU threads of torch.
    """
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore", SmallBatchWarning)
    features = torch.randn(batch, width, generator=torch.Generator().manual_seed(0))
    losses: dict[str, Callable[[Tensor], Tensor]] = {
        ORACLE: singular_values,
        "spectral": SpectralSigReg(),
        "sketched (256 directions)": SketchedSigReg(),
        "logdet": LogDetSigReg(),
    }
    calls = {
        name: functools.partial(forward_backward, loss, features) for name, loss in losses.items()
    }
    timings = interleave(calls, rounds=rounds, warmup=3)
    rows = [
        (name, 1e3 * timing.cpu, paired_ratio(timings[ORACLE], timing))
        for name, timing in timings.items()
    ]
    show(f"SIGReg, {batch} x {width}", ("kind", "CPU ms", "x of svdvals"), rows)
    figures = {name: {"cpu_ms": cpu, "times_svdvals": ratio} for name, cpu, ratio in rows}
    emit("sigreg", {"batch": batch, "width": width, **figures})


if __name__ == "__main__":
    auto_cli(run)
