from __future__ import annotations

import pytest
import torch

from jepakit.training import peak_flops, precision


@pytest.mark.parametrize("kind", ["bf16-mixed", "bf16-true", "bf16"])
def test_emulated_bf16_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: False)
    with pytest.raises(ValueError, match=r"16 times slower .*Use --trainer.precision 32-true"):
        precision.refuse_emulated_bf16(kind, "cpu")


def test_other_combinations_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    precision.refuse_emulated_bf16("32-true", "cpu")
    precision.refuse_emulated_bf16(None, "cpu")
    precision.refuse_emulated_bf16("bf16-mixed", "gpu")
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    precision.refuse_emulated_bf16("bf16-mixed", "cpu")


def test_the_probe_answers() -> None:
    assert precision.cpu_has_bf16() in (True, False)


def test_a_known_gpu_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    for name, figure in (("NVIDIA H200", 989e12), ("NVIDIA H100 PCIe", 756e12)):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _, name=name: name)
        assert peak_flops.peak_flops(gpu, torch.bfloat16) == (figure, "data sheet")


def test_a_cpu_is_measured() -> None:
    found, source = peak_flops.peak_flops(torch.device("cpu"), torch.float32)
    assert source == "measured"
    assert 1e8 < found < 1e14


def test_a_slower_clock_halves_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (0.5, 1.0):
        ticks = iter(range(100))
        monkeypatch.setattr(peak_flops.time, "perf_counter", lambda t=ticks, s=seconds: next(t) * s)
        found = peak_flops.measured_flops(torch.device("cpu"), torch.float32, side=16)
        assert found == 2 * 16**3 / seconds
