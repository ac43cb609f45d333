"""What an extraction will take is counted from its shapes, and judged by what is free."""

from __future__ import annotations

from pathlib import Path

import pytest
from extracted_models import small_model

from explorer.extraction import estimate
from explorer.extraction.available import available_bytes
from explorer.extraction.estimate import HOLES, MAPPED_BYTES, STARTED_BYTES, pass_bytes
from explorer.extraction.speed import flop_rate


def test_tokens_are_counted_over_the_whole_clip() -> None:
    model = small_model()
    assert estimate(model, 8, (32, 48)).tokens == 4 * 4 * 6
    assert estimate(model, 8, (32, 48), window=4).tokens == 4 * 4 * 6


def test_a_wide_pass_peaks_in_the_mlp_and_a_narrow_one_in_the_patches() -> None:
    # Floats of a token in a block of width 32: 7 + 8 widths, 2 more where positions turn.
    wide = small_model(patch=4, tubelet=1, position="sincos")
    assert pass_bytes(wide, 10) == int(HOLES * 10 * 15 * 32 * 4)
    assert pass_bytes(small_model(patch=4, tubelet=1), 10) == int(HOLES * 10 * 17 * 32 * 4)
    # 3 x 2 x 16 x 16 pixels as bytes and as floats.
    narrow = small_model(patch=16)
    assert pass_bytes(narrow, 10) == int(HOLES * 10 * (1536 * 5 + 32 * 4))


def test_buffers_on_pages_of_their_own_leave_no_holes() -> None:
    model = small_model(patch=4, tubelet=1, position="sincos")
    tokens = MAPPED_BYTES // (128 * 4)  # the hidden layer takes just as much as is mapped
    rest = 7 * 32 * 4 * tokens
    assert pass_bytes(model, tokens) == pytest.approx(HOLES * rest + 2 * MAPPED_BYTES, abs=8)
    assert pass_bytes(model, 12 * tokens) == 12 * tokens * 15 * 32 * 4


def test_windows_take_the_memory_of_one_and_the_time_of_all() -> None:
    model = small_model()
    whole = estimate(model, 400, (32, 32))
    cut = estimate(model, 400, (32, 32), window=4)
    kept = 200 * 16 * 32 * 4
    assert cut.peak_bytes == int(STARTED_BYTES) + pass_bytes(model, 32) + kept
    assert whole.peak_bytes == int(STARTED_BYTES) + pass_bytes(model, 3200) + kept
    assert cut.seconds == pytest.approx(100 * model.encoder.flops((32,)) / flop_rate("cpu"))
    assert cut.seconds < whole.seconds


def test_every_site_is_kept() -> None:
    model = small_model()
    one = estimate(model, 4, (32, 32)).peak_bytes
    every = estimate(model, 4, (32, 32), sites="all").peak_bytes
    assert every - one == 3 * 32 * 32 * 4
    hidden = estimate(model, 4, (32, 32), sites=["blocks.00.mlp.hidden"]).peak_bytes
    assert hidden - one == 3 * 32 * 32 * 4


@pytest.mark.parametrize(
    ("free", "level", "told"),
    [(2.0, "green", "it fits"), (1.4, "amber", "close other programs"), (1.05, "red", "windows")],
)
def test_levels_are_shares_of_what_is_free(free: float, level: str, told: str) -> None:
    model = small_model()
    peak = estimate(model, 40, (32, 32)).peak_bytes
    found = estimate(model, 40, (32, 32), available=int(free * peak))
    assert (found.level, found.available_bytes) == (level, int(free * peak))
    assert told in found.advice


def test_stills_are_windows_of_one_frame() -> None:
    model = small_model(frames=1, tubelet=1, position="learned")
    found = estimate(model, 10, (32, 32))
    assert found.tokens == 160
    assert found.peak_bytes == int(STARTED_BYTES) + pass_bytes(model, 16) + 160 * 32 * 4


def test_clips_that_the_model_refuses_have_no_estimate() -> None:
    with pytest.raises(ValueError, match="multiple of 2 frames"):
        estimate(small_model(), 5, (32, 32))


def test_the_machines_rate_is_measured_once() -> None:
    assert flop_rate("cpu") == flop_rate("cpu") > 1e8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 2_000_000 * 1024),
        ({"memory.max": "max\n", "memory.current": "5\n"}, 2_000_000 * 1024),
        ({"memory.max": "900\n", "memory.current": "500\n"}, 400),
        ({"memory.max": "900\n", "memory.current": "1000\n"}, 0),
        ({"memory/memory.limit_in_bytes": "70", "memory/memory.usage_in_bytes": "30"}, 40),
    ],
)
def test_a_container_may_have_less_than_the_machine(
    files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    proc = tmp_path / "meminfo"
    proc.write_text("MemTotal: 9 kB\nMemAvailable:    2000000 kB\nSwapFree: 1 kB\n")
    (tmp_path / "memory").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert available_bytes(proc=proc, groups=tmp_path) == expected
