import sys

import pytest
from batch_recording import Recorder, fit, keys_of, seen_by_two_ranks
from gray_videos import cut, write_video
from jsonargparse import ArgumentError, ArgumentParser

from jepakit.batch import BatchRequest
from jepakit.data.video import FrameSampling, VideoDataModule

SAMPLING = FrameSampling(stride=2)

# Lightning 2.6 with torch 2.15, and its advice.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step`:UserWarning"),
]


def module_of(path, **options):
    return VideoDataModule(str(path), **{"sampling": SAMPLING, "batch_size": 2, **options})


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(videos, tmp_path, workers):
    whole, _ = fit(tmp_path, module_of(videos, seed=1), 8)
    first, trainer = fit(tmp_path, module_of(videos, seed=1, workers=workers), 3)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    second, _ = fit(
        tmp_path,
        module_of(videos, seed=1, workers=2 - workers),
        8,
        checkpoint=tmp_path / "c.ckpt",
    )
    assert first.seen + second.seen == whole.seen
    assert len(whole.seen) == 8
    keys = keys_of(whole.seen)
    assert sorted(keys[:7]) == sorted(keys[7:14]) == sorted(set(keys))
    assert keys[:7] != keys[7:14]


def test_other_videos_or_another_seed_are_refused_on_resume(videos, tmp_path):
    _, trainer = fit(tmp_path, module_of(videos), 1)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    for data, name in (
        (module_of(videos, seed=1), "seed"),
        (module_of(videos / "a"), "fingerprint"),
    ):
        with pytest.raises(ValueError, match=f"data {name} is .* order of samples would change"):
            fit(tmp_path, data, 2, checkpoint=tmp_path / "c.ckpt")


def test_validation_is_one_pass_the_same_every_time(videos, tmp_path):
    data = module_of(videos, val=str(videos), sampling=FrameSampling(stride=1, clips=2))
    module, _ = fit(tmp_path, data, 2, val_check_interval=1, check_val_every_n_epoch=None)
    assert len(module.validated) == 14
    assert module.validated[:7] == module.validated[7:]
    assert len(set(keys_of(module.validated[:7]))) == 14


def test_a_share_held_out_is_never_trained_on(videos, tmp_path):
    data = module_of(videos, val_share=0.3, sampling=FrameSampling(stride=1, clips=2), seed=5)
    module, _ = fit(tmp_path, data, 10, val_check_interval=10, check_val_every_n_epoch=None)
    trained = set(keys_of(module.seen))
    validated = {key.split("--")[0] for key in keys_of(module.validated)}
    assert (len(trained), len(validated)) == (5, 2)
    assert not trained & validated


def test_a_list_names_the_validation_videos(videos, tmp_path):
    (tmp_path / "train.csv").write_text(f"{videos}/a/v0.mp4 0\n{videos}/b/v1.mp4 1\n")
    (tmp_path / "val.csv").write_text(f"{videos}/a/v2.mp4 0\n")
    data = module_of(tmp_path / "train.csv", val=str(tmp_path / "val.csv"))
    module, _ = fit(tmp_path, data, 2, val_check_interval=1, check_val_every_n_epoch=None)
    assert set(keys_of(module.seen)) == {"a-v0", "b-v1"}
    assert keys_of(module.validated) == ["v2", "v2"]


def test_without_validation(videos, tmp_path):
    module, _ = fit(tmp_path, module_of(videos), 1)
    assert module.validated == []


def test_both_ways_of_validation_are_refused(videos):
    with pytest.raises(ValueError, match=r"Give val .* or val_share .*, not both"):
        module_of(videos, val=str(videos), val_share=0.5)


def test_unreadable_videos_stop_the_run_above_the_budget(tmp_path):
    for number in range(6):
        write_video(tmp_path / "v" / f"{number}.mp4", 10)
    cut(tmp_path / "v" / "1.mp4", 0.5)
    (tmp_path / "v" / "4.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"bad_sample_budget allows 1 of 6.*Replace or delete"):
        fit(tmp_path, module_of(tmp_path / "v"), 6)
    data = module_of(tmp_path / "v", bad_sample_budget=0.4, workers=1)
    module, _ = fit(tmp_path, data, 6)
    assert sorted(data.ledger.faults) == ["1", "4"]
    assert all(len(keys) == 2 for keys, _, _ in module.seen)
    assert not {"1", "4"} & set(keys_of(module.seen))


def test_what_the_model_asks_for_is_held_against_videos_in_setup(videos, tmp_path):
    request = BatchRequest(frames=4, size=(32, 32), patch=8, tubelet=2, labels=True)
    with pytest.raises(ValueError, match="video files do not have"):
        fit(tmp_path, module_of(videos), 1, module=Recorder(request))


def test_a_decoder_that_is_missing_is_refused_in_setup(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(ValueError, match="decoder='torchcodec' cannot run here"):
        fit(tmp_path, module_of(videos, decoder="torchcodec"), 1)


@pytest.mark.ddp
def test_two_ranks_together_read_what_one_reads_and_one_continues_their_order(videos, tmp_path):
    ranks = seen_by_two_ranks(
        tmp_path,
        str(videos),
        imports="from jepakit.data.video import FrameSampling, VideoDataModule",
        data="VideoDataModule(sys.argv[1], val=sys.argv[1], sampling=FrameSampling(stride=2), "
        "batch_size=2)",
        module="Recorder()",
        steps=5,
    )
    together = [
        (a[0] + b[0], a[1] + b[1]) for a, b in zip(*(r["seen"] for r in ranks), strict=True)
    ]
    alone, _ = fit(tmp_path, module_of(videos, batch_size=4), 7)
    assert together == [(keys, pixels) for keys, pixels, _ in alone.seen[:5]]
    resumed, _ = fit(tmp_path, module_of(videos, batch_size=4), 7, checkpoint=tmp_path / "two.ckpt")
    assert resumed.seen == alone.seen[5:]
    validated = [keys_of(rank["validated"]) for rank in ranks]
    assert len(validated[0]) == len(validated[1])
    assert len(set(validated[0]) | set(validated[1])) == 7


def test_options_as_in_a_recipe():
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(VideoDataModule, "data")
    options = {"train": "videos.csv", "sampling": {"fps": 4}, "augmentation": {"flip": False}}
    recipe = {"class_path": "jepakit.data.video.VideoDataModule", "init_args": options}
    data = parser.instantiate(parser.parse_object({"data": recipe})).data
    assert (data.sampling, data.augmentation.flip) == (FrameSampling(fps=4.0), False)
    assert data.augmentation.scale == (0.3, 1.0)
    for wrong in ({"sampling": {}}, {"sampling": {"fsp": 4}}, {"decoder": "decord"}):
        bad = {**recipe, "init_args": {**options, **wrong}}
        with pytest.raises((ArgumentError, ValueError)):
            parser.instantiate(parser.parse_object({"data": bad}))
