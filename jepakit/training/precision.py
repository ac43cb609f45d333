"""Which precisions make sense on which device."""

from __future__ import annotations

import torch


def refuse_emulated_bf16(precision: str | int | None, device: str) -> None:
    """Refuse bfloat16 on a CPU that only emulates it.

    Measured on such a CPU: forward 8 times and forward with backward 16 times slower than float32.

    Raises:
        ValueError: ``precision`` is a bfloat16 one and ``device`` a ``cpu`` without its arithmetic.
    """
    if "bf16" in str(precision) and device == "cpu" and not cpu_has_bf16():
        raise ValueError(
            f"Precision {precision} would be emulated on this CPU, about 16 times slower than "
            "float32. Use --trainer.precision 32-true."
        )


def cpu_has_bf16() -> bool:
    """Whether oneDNN has bfloat16 kernels for this CPU."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
