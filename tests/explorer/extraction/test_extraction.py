"""Latents are the encoder's own activations, window by window, with progress and an end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from extracted_models import noise_clip, small_model

from explorer.clip import Clip
from explorer.extraction import (
    ExtractionCancelledError,
    encode_frames,
    extract,
    extract_sites,
)


def batch(clip: Clip) -> torch.Tensor:
    return torch.from_numpy(clip.frames).unsqueeze(0)


def test_all_sites_of_one_pass_are_what_the_encoder_captures() -> None:
    model, clip = small_model(), noise_clip()
    found = extract_sites(model, clip, sites="all")
    assert tuple(found) == model.sites
    with torch.inference_mode():
        encoded = model.encoder(batch(clip), capture=model.sites)
    for name, latents in found.items():
        expected = encoded.captured[name].reshape(2, 4, 4, 32).numpy()
        np.testing.assert_array_equal(latents.values, expected)
        assert (latents.site, latents.tubelet, latents.patch) == (name, 2, 8)


def test_the_default_site_is_the_output() -> None:
    model, clip = small_model(), noise_clip()
    latents = extract(model, clip)
    with torch.inference_mode():
        expected = model.encoder.encode(batch(clip))[0]
    np.testing.assert_array_equal(latents.flat, expected.numpy())
    np.testing.assert_array_equal(encode_frames(model, clip.frames), latents.values)


def test_a_pass_ends_after_the_last_wanted_site() -> None:
    model = small_model()
    ran: list[str] = []
    hooks = [
        model.encoder.blocks[1].register_forward_hook(lambda *_: ran.append("last block")),
        model.encoder.norm.register_forward_hook(lambda *_: ran.append("norm")),
    ]
    extract(model, noise_clip(), site="blocks.00.mlp.hidden")
    assert ran == []
    for hook in hooks:
        hook.remove()


def test_inner_activations_have_their_own_width() -> None:
    latents = extract(small_model(), noise_clip(), site="blocks.01.mlp.hidden")
    assert latents.width == 128


def test_windows_are_passes_of_their_own() -> None:
    model, clip = small_model(), noise_clip(10)
    found = extract(model, clip, window=4)
    pieces = [encode_frames(model, clip.frames[start : start + 4]) for start in (0, 4, 6)]
    expected = np.concatenate([pieces[0], pieces[1], pieces[2][1:]])
    np.testing.assert_array_equal(found.values[[0, 1, 2, 4]], expected[[0, 1, 2, 4]])
    assert found.facts["passes"] == "3 windows of 4 frames"
    # Slice 3 is the last of the second window and the first of the third: equally far, the earlier.
    np.testing.assert_array_equal(found.values[3], pieces[1][1])


def test_overlapping_windows_give_their_middles() -> None:
    model, clip = small_model(), noise_clip(12)
    found = extract(model, clip, window=6, discard=1)
    for slice_ in range(1, 5):
        middle = encode_frames(model, clip.frames[2 * slice_ - 2 : 2 * slice_ + 4])[1]
        np.testing.assert_array_equal(found.values[slice_], middle)
    assert found.facts["passes"] == "4 windows of 6 frames, 1 edge slices discarded"


def test_models_of_stills_see_frame_by_frame() -> None:
    model = small_model(frames=1, tubelet=1, position="learned")
    clip = noise_clip(3)
    found = extract(model, clip)
    assert found.grid == (3, 4, 4)
    with torch.inference_mode():
        each = model.encoder.encode(batch(clip)[0].unsqueeze(1))
    np.testing.assert_allclose(found.values.reshape(3, 16, 32), each.numpy(), atol=1e-5)


def test_encoders_of_clips_and_stills_take_both() -> None:
    model = small_model(images=True)
    still = extract(model, noise_clip(1, 40, 32))
    assert (still.grid, still.tubelet) == ((1, 5, 4), 1)
    assert extract(model, noise_clip(6)).grid == (3, 4, 4)


def test_other_sizes_are_taken() -> None:
    found = extract(small_model(), noise_clip(8, 40, 48))
    assert found.grid == (4, 5, 6)


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    extract(small_model(), noise_clip(12), window=4, progress=told.append)
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert told == sorted(told)
    assert len(told) == 3 * 3 + 1


def test_it_ends_when_asked_to_and_leaves_the_model_as_it_was() -> None:
    model, asked = small_model(), []

    def enough() -> bool:
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(ExtractionCancelledError):
        extract(model, noise_clip(12), window=4, cancelled=enough)
    assert len(asked) == 5
    assert not model.encoder.training
    assert extract(model, noise_clip()).values.shape == (2, 4, 4, 32)


def test_facts_say_where_latents_come_from() -> None:
    model = small_model()
    facts = extract(model, noise_clip()).facts
    assert facts["weights sha256"] == model.weights_hash
    assert facts["weights"] == "noise"
    assert facts["clip"] == "noise, 4 frames of 32 x 32 pixels, 10 fps"
    assert facts["passes"] == "whole clip"
    assert {"torch", "jepakit", "seconds", "model id"} <= facts.keys()


@pytest.mark.parametrize(
    ("clip", "options", "told"),
    [
        (noise_clip(5), {}, "multiple of 2 frames"),
        (noise_clip(), {"site": "blocks.09.out"}, "Unknown activations"),
        (noise_clip(8), {"window": 3}, "window has 3 frames"),
        (noise_clip(8), {"window": 4, "stride": 3}, "stride .3 frames. must be a multiple"),
    ],
)
def test_what_does_not_fit_is_refused(clip: Clip, options: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        extract(small_model(), clip, **options)
