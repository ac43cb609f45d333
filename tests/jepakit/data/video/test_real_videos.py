"""The videos of ``../shared/data/video``, where they lie beside the project."""

from pathlib import Path

import av
import numpy as np
import pytest

from jepakit.batch import BatchRequest
from jepakit.data.video import Augmentation, FrameSampling, video_batches
from jepakit.data.video.pyav_video import PyAVVideo

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "video"
REQUEST = BatchRequest(frames=16, size=(64, 64), patch=16, tubelet=2)
SIGNS = ["again", "book", "eat", "help", "milk", "no", "sorry", "thanks", "walk", "yes"]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/video")


def test_all_ten_sign_clips_become_batches():
    sampling = FrameSampling(fps=8.0)
    loader = video_batches(str(DATA / "asl_gestures"), REQUEST, sampling=sampling, batch_size=5)
    batches = list(loader)
    assert [key for batch in batches for key in batch.keys] == SIGNS
    assert len(loader.ledger) == 0
    for batch in batches:
        assert batch.frames.shape == (5, 16, 64, 64, 3)
        assert batch.frames.float().std(dim=(1, 2, 3, 4)).min() > 20
        changes = batch.frames.float().diff(dim=1).abs().mean(dim=(1, 2, 3, 4))
        assert changes.min() > 0.5  # people move


@pytest.mark.parametrize(
    ("name", "frames", "hertz"),
    [("nasa_13013.mp4", 325, 25), ("bottle-detection.mp4", 1189, 179 / 6)],
)
def test_frames_from_anywhere_are_those_of_decoding_everything(name, frames, hertz):
    """The NASA file has two video streams, of 325 and 390 frames."""
    wanted = [0, 1, 57, frames // 3, frames // 2, frames - 2, frames - 1]
    with av.open(str(DATA / name)) as container:
        everything = {
            number: frame.to_ndarray(format="rgb24")
            for number, frame in enumerate(container.decode(video=0))
            if number in wanted
        }
    with PyAVVideo(str(DATA / name)) as video:
        assert len(video.seconds) == frames
        np.testing.assert_allclose(video.seconds, np.arange(frames) / hertz, atol=1e-6)
        for start in range(len(wanted)):
            for number, frame in zip(wanted[start:], video.frames(wanted[start:]), strict=True):
                np.testing.assert_array_equal(frame, everything[number])


def test_several_clips_of_the_long_file():
    sampling = FrameSampling(fps=4.0, clips=5)
    loader = video_batches(
        str(DATA), REQUEST, sampling=sampling, augmentation=Augmentation(centre=1.0), batch_size=10
    )
    keys = [key for batch in loader for key in batch.keys]
    assert len(keys) == 5 * 12
    assert {f"bottle-detection--{clip}" for clip in range(5)} <= set(keys)
    assert {f"nasa_13013--{clip}" for clip in range(5)} <= set(keys)
