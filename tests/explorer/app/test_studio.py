"""Clips, models and latents by id."""

from __future__ import annotations

import dataclasses
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from app_studio import CHOICE, extracted, small_studio
from new_run import write_tiny_run

from explorer.app.studio import Choice, Studio
from explorer.extraction import ExtractionCancelledError


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return small_studio(tmp_path_factory.mktemp("artifacts"))


def test_latents_by_an_id_that_tells_nothing(studio: Studio) -> None:
    name = extracted(studio)
    assert re.fullmatch(r"latents-[0-9a-f]{12}", name)
    exhibit = studio.exhibit(name)
    assert exhibit.latents.grid == (4, 6, 6)
    assert exhibit.choice == CHOICE
    with pytest.raises(ValueError, match="no longer in memory"):
        studio.exhibit("latents-000000000000")
    with pytest.raises(ValueError, match="no longer in memory"):
        studio.exhibit("../../etc/passwd")
    with pytest.raises(ValueError, match="no longer in memory"):
        studio.clip("clip-0")


def test_the_baseline_is_an_untrained_network_on_the_same_clip(studio: Studio) -> None:
    name = extracted(studio)
    latents, baseline = studio.exhibit(name).latents, studio.baseline(name)
    assert baseline is not None
    assert baseline.clip is latents.clip
    assert baseline.grid == latents.grid
    assert not np.allclose(baseline.values, latents.values)
    assert studio.baseline(name) is baseline
    untrained = extracted(studio, choice=Choice(CHOICE.model, "untrained"))
    assert np.array_equal(studio.exhibit(untrained).latents.values, baseline.values)
    assert studio.baseline(untrained) is None


def test_each_encoder_of_a_run_is_its_own(tmp_path: Path) -> None:
    write_tiny_run(tmp_path / "runs" / "tiny")
    studio = Studio(tmp_path / "runs", tmp_path / "artifacts")
    (entry,) = [one for one in studio.catalogue.entries() if one.title == "tiny"]
    hashes = {
        weights: studio.open(Choice(entry.id, weights)).weights_hash
        for weights in ("target", "context", "untrained")
    }
    assert len(set(hashes.values())) == 3


def test_an_unknown_model_is_told(studio: Studio) -> None:
    with pytest.raises(ValueError, match="This model is gone"):
        studio.open(Choice("gone-0000"))


def test_what_does_not_fit_is_told(studio: Studio) -> None:
    clip = studio.keep_clip(studio.scene(frames=8, size=50))
    with pytest.raises(ValueError, match="squares of 8 pixels"):
        studio.extract(clip, CHOICE)


def test_a_visitor_stops_an_own_extraction(studio: Studio) -> None:
    clip = studio.keep_clip(studio.scene(frames=8, size=48))

    def stop_at_once(_share: float) -> None:
        studio.stop("somebody else")
        studio.stop("me")

    with pytest.raises(ExtractionCancelledError):
        studio.extract(clip, CHOICE, progress=stop_at_once, visitor="me")
    studio.stop("me")  # nothing runs any more
    studio.extract(clip, CHOICE, visitor="me")


def test_saved_latents_find_their_model_again(studio: Studio) -> None:
    name = extracted(studio)
    artifact = studio.store.save(studio.exhibit(name).latents)
    again = studio.exhibit(studio.reopen(artifact))
    assert again.choice == CHOICE
    assert np.array_equal(again.latents.values, studio.exhibit(name).latents.values)
    copy = studio.hand_out(artifact)
    assert copy.is_relative_to(studio.folder / "served")
    with pytest.raises(ValueError, match="deleted"):
        studio.reopen("latents-" + "0" * 24)
    with pytest.raises(ValueError, match="deleted"):
        studio.hand_out("../../secret")


def test_latents_of_other_weights_have_no_model(studio: Studio) -> None:
    latents = studio.exhibit(extracted(studio)).latents
    facts = dict(latents.facts) | {"weights sha256": "0" * 64}
    other = dataclasses.replace(latents, facts=facts)
    assert studio.exhibit(studio.reopen(studio.store.save(other))).choice is None


def test_the_first_picture_is_made_in_a_thread(tmp_path: Path) -> None:
    made = small_studio(tmp_path)
    thread = threading.Thread(target=made.open_first)
    thread.start()
    assert made.exhibit(made.first()).latents.grid == (8, 12, 12)
    thread.join()


def test_a_first_picture_that_fails_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small_studio(tmp_path)
    monkeypatch.setattr(made, "open", lambda _: (_ for _ in ()).throw(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        made.open_first()
    assert made.first() == ""
