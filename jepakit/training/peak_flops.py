"""How fast the device could be: the denominator of utilisation."""

from __future__ import annotations

import time

import torch

DENSE_16_BIT = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
    "T4": 65e12,
}
"""FLOP/s of one GPU in bfloat16 or float16 without sparsity, from the makers' data sheets."""


def peak_flops(device: torch.device, dtype: torch.dtype) -> tuple[float, str]:
    """FLOP/s of a device and where the figure is from: ``data sheet`` or ``measured``.

    A GPU outside the table, a CPU, and float32 (whose peak depends on TF32) are measured with a
    matrix product of 8 GFLOP (CPU) or 1.1 TFLOP (GPU), best of three.
    """
    if device.type == "cuda" and dtype in (torch.bfloat16, torch.float16):
        name = torch.cuda.get_device_name(device)
        for known, figure in DENSE_16_BIT.items():
            if known in name:
                return figure, "data sheet"
    return measured_flops(device, dtype), "measured"


def measured_flops(device: torch.device, dtype: torch.dtype, side: int | None = None) -> float:
    """FLOP/s of a square matrix product, best of three after a warm-up."""
    side = side or (8192 if device.type == "cuda" else 1024)
    x = torch.ones(side, side, device=device, dtype=dtype)
    seconds = []
    for _ in range(4):
        _wait(device)
        start = time.perf_counter()
        torch.mm(x, x)
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
