"""From a run folder to everything that is asked, and what the command refuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_states import write_run

from jepakit.evals.commands.states import StatesOptions, states
from jepakit.evals.states.clips.encoder_activations import run_encoder
from jepakit.evals.states.run_states import (
    PROXY,
    TRAINED,
    UNTRAINED,
    RunStates,
    StatesRequest,
    study_proxy,
)
from jepakit.evals.states.settings import StudySettings

LEAN = StudySettings(
    folds=2,
    draws=1,
    pairs=4,
    permutations=1,
    portable_layers=1,
    portable_methods=("pca",),
    repeats=1,
    bootstrap=20,
    layer="blocks.01.out",
    controls=("random",),
)
REQUEST = StatesRequest(per_class=4, untrained=False, variables=False, batch_size=8, study=LEAN)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


def test_a_run_from_its_folder_to_the_result(run, store):
    asked = replace(REQUEST, level="network", budget=4, variables=True, per_class=8)
    found = RunStates(run, asked, store / "network").measure()
    study = found.studies[TRAINED]
    assert study.layers == ("embed", "blocks.00.out", "blocks.01.out", "norm")
    assert study.facts["model"] == "tiny, trained"
    assert study.facts["clips"] == "64 from 64 sources"
    network = found.network[TRAINED]
    assert network.layer == "blocks.01.out"
    assert len(network.clips) == 4
    assert network.agreement <= 1e-5
    assert found.variables[TRAINED].names[0] == "direction"
    assert found.turned is found.cross is None
    assert found.perturbed == {}


def test_a_store_is_used_again_and_gives_the_same(run, store, monkeypatch):
    first = RunStates(run, REQUEST, store / "again").measure().studies[TRAINED]
    from worlds.motion import MotionClips

    drawn = []
    plain = MotionClips.clip
    monkeypatch.setattr(MotionClips, "clip", lambda s, n: drawn.append(n) or plain(s, n))
    second = RunStates(run, REQUEST, store / "again").measure().studies[TRAINED]
    assert len(set(drawn)) <= 3  # only those that tell the store whose clips these are
    assert np.array_equal(first.accuracy, second.accuracy)
    assert first.rows == second.rows
    assert first.steering == second.steering


@pytest.mark.slow
def test_an_unfinished_store_is_finished(run, store):
    folder = store / "stopped"
    whole = RunStates(run, REQUEST, folder).measure().studies[TRAINED]

    class Stop(Exception):
        pass

    stopped = RunStates(run, REQUEST, store / "cut")
    plain, calls = stopped.clips.frames, []

    class Clips(type(stopped.clips)):
        def frames(self, indices):
            calls.append(indices)
            if len(calls) > 5:
                raise Stop
            return plain(indices)

    clips = stopped.clips
    stopped.clips = Clips(clips.clips)
    with pytest.raises(Stop):
        stopped.measure()
    again = RunStates(run, REQUEST, store / "cut").measure().studies[TRAINED]
    assert again.rows == whole.rows
    kept = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    for path in kept:
        assert (folder / path).read_bytes() == (store / "cut" / path).read_bytes()


@pytest.mark.slow
def test_perturbed_clips_and_another_run(run, store, tmp_path):
    other = write_run(tmp_path / "other", seed=8)
    asked = replace(REQUEST, perturbed=("brightness",), other=str(other), per_class=8)
    found = RunStates(run, asked, store / "more").measure()
    assert set(found.perturbed) == {"brightness"}
    assert 0 <= found.perturbed["brightness"].alignment.mean() <= 1
    assert found.cross.layers[0] == "blocks.01.out"
    assert found.cross.held_out.shape == (7,)


def test_the_untrained_twin_has_weights_of_its_own(run):
    trained = run_encoder(run)
    fresh, again = (run_encoder(run, untrained=0) for _ in range(2))
    pairs = [
        (dict(trained.named_parameters()), dict(fresh.named_parameters())),
        (dict(fresh.named_parameters()), dict(again.named_parameters())),
    ]
    names = [n for n, p in pairs[0][0].items() if p.dim() > 1]
    assert not any((pairs[0][0][n] == pairs[0][1][n]).all() for n in names)
    assert all((pairs[1][0][n] == pairs[1][1][n]).all() for n in names)


@pytest.mark.slow
def test_both_models_are_studied(run, store):
    found = RunStates(run, replace(REQUEST, untrained=True), store / "both").measure()
    assert list(found.studies) == [TRAINED, UNTRAINED]
    folders = {path.name for path in (store / "both").iterdir()}
    assert folders == {"trained_scs", "random_init_scs"}


@pytest.mark.slow
def test_the_proxy_and_its_turned_pair():
    settings = replace(LEAN, layer="blocks.18.out", permutations=0, portable_layers=0, folds=5)
    found = study_proxy(settings)
    assert found.studies[PROXY].rows[0].effect.estimate > 0.8
    assert found.turned.alignment.mean() == pytest.approx(0.65, abs=0.05)
    assert found.turned.retained.value == pytest.approx(0.35, abs=0.05)


# -- what the command refuses ----------------------------------------------------------------------


def refusal(run, tmp_path, **options):
    given = {"per_class": 3, "folds": 2, "untrained": False, "portable_layers": 0} | options
    given = {"layer": "norm", "permutations": 0} | given
    with pytest.raises(SystemExit) as exit_:
        states(str(run), options=StatesOptions(**given), out=str(tmp_path / "out"))
    told = exit_.value.code
    assert isinstance(told, str)
    assert told.startswith("evaluate.py states: ")
    return told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"layer": "blocks.07.out"}, "embed, blocks.00.out, blocks.01.out, norm (or auto)"),
        ({"rank": 8}, "rank must be 1 to 7: 8 classes"),
        ({"folds": 5}, "5 folds need at least 5 clips of each class"),
        ({"data": "video"}, "--data video needs --videos"),
        ({"data": "video", "videos": "nowhere"}, "nowhere"),
        ({"checkpoint": "best"}, "best"),
        ({"other": "nowhere"}, "nowhere"),
        ({"layer": "auto"}, "3 folds need at least 3 clips of each class"),
        ({"portable_layers": 1}, "4 folds need at least 4 clips of each class"),
    ],
)
def test_bad_input_is_refused_before_anything_is_traced(run, tmp_path, options, told):
    assert told in refusal(run, tmp_path, **options)
    assert not (tmp_path / "out" / "activations").exists()


def test_no_run_is_refused(tmp_path):
    assert "nowhere" in refusal(Path("nowhere"), tmp_path)


def test_a_store_of_another_model_is_refused(run, tmp_path):

    store = tmp_path / "store"
    request = replace(REQUEST, per_class=3, study=replace(LEAN, portable_layers=0))
    opened = RunStates(run, request, store)
    opened._traced(TRAINED, opened.clips)
    other = write_run(tmp_path / "other", seed=9)
    told = refusal(other, tmp_path, store=str(store))
    assert "holds other activations: model" in told
    assert "Choose another folder, or delete it" in told
    shutil.rmtree(store)


def test_constant_activations_are_refused(tmp_path):
    import torch

    from jepakit.training.checkpoint_io import DurableCheckpointIO
    from jepakit.training.runs import build_run

    still = write_run(tmp_path / "still")
    state = {k: torch.zeros_like(v) for k, v in build_run(still).state_dict().items()}
    path = still / "checkpoints" / "last.ckpt"
    DurableCheckpointIO().save_checkpoint({"state_dict": state}, path)
    assert "are the same for all clips: nothing to probe" in refusal(still, tmp_path)
