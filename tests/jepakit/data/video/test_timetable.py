import av
import numpy as np
import pytest
from gray_videos import cut, write_video

from jepakit.data.video.timetable import Timetable, read_timetable


def table_of(path):
    with av.open(str(path)) as container:
        return read_timetable(container, container.streams.video[0])


def test_stamps_are_those_of_the_decoded_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", 30)
    table = table_of(path)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert table.stamps.tolist() == [frame.pts for frame in frames]
    np.testing.assert_allclose(table.seconds, [frame.time for frame in frames])
    np.testing.assert_allclose(table.lengths * table.tick, 1 / 25)
    assert table.keys.tolist() == [frame.key_frame for frame in frames]


def test_the_entry_is_the_last_keyframe_that_is_not_later():
    keys = np.array([True, False, False, True, False])
    table = Timetable(np.arange(5) * 10, np.full(5, 10), keys, np.full(5, -1), 0.1)
    assert [table.entry(number) for number in range(5)] == [0, 0, 0, 30, 30]
    no_keys = Timetable(np.arange(2), np.ones(2, int), np.zeros(2, bool), np.full(2, -1), 0.1)
    assert no_keys.entry(1) == 0


def test_a_shorter_file_than_declared(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), dtype=np.uint8)
    mkv = cut(write_video(tmp_path / "a.mkv", 40, pictures=pictures), 0.6)
    with pytest.raises(ValueError, match=r"cut short, \d\.\d\d of 1\.60 seconds"):
        table_of(mkv)
    avi = cut(write_video(tmp_path / "a.avi", 40, codec="mpeg4", pictures=pictures), 0.6)
    with pytest.raises(ValueError, match="cut short"):
        table_of(avi)


def test_frames_without_times(tmp_path):
    write_video(tmp_path / "a.h264", 5)
    with pytest.raises(ValueError, match="frame 0 has no time; put the video into an mp4 or mkv"):
        table_of(tmp_path / "a.h264")
