import os
import re
import time

import pytest
from gray_videos import cut, write_video

from explorer.clips import (
    UnusableVideo,
    VideoFacts,
    accept_upload,
    remove_old,
    stored_path,
    stored_video,
    stored_videos,
)
from explorer.clips import uploads as uploads_file

FACTS = VideoFacts(4, 25.0, 0.16, 64, 48, "h264", "mov")


@pytest.fixture
def quick(monkeypatch):
    """Facts without starting a process."""
    monkeypatch.setattr(uploads_file, "probe_video", lambda *_: FACTS)


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "in" / "a.mp4", 4)


def test_an_upload_is_kept_under_an_id_and_its_name_only_shown(tmp_path, clip):
    folder = tmp_path / "stored"
    video = accept_upload(clip, "../../<b>a.mp4", folder)
    assert re.fullmatch(r"[0-9a-f]{16}", video.id)
    assert video.name == "b a.mp4"
    assert video.facts == FACTS
    assert stored_path(folder, video.id).read_bytes() == clip.read_bytes()
    assert stored_video(folder, video.id) == video
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".media"]
    assert clip.exists()


def test_what_is_refused_leaves_nothing(tmp_path, clip):
    cut(clip, 0.5)
    with pytest.raises(UnusableVideo, match="cannot be read"):
        accept_upload(clip, "a.mp4", tmp_path / "stored")
    assert list((tmp_path / "stored").iterdir()) == []


@pytest.mark.parametrize("video_id", ["", "../in/a", "0" * 16, "0" * 15 + "G", "/etc/passwd"])
def test_only_ids_of_stored_videos_lead_to_files(tmp_path, video_id):
    with pytest.raises(UnusableVideo, match="no longer stored; upload it again"):
        stored_path(tmp_path, video_id)


@pytest.mark.usefixtures("quick")
def test_old_videos_go_by_age_then_by_quota(tmp_path, clip):
    folder, size = tmp_path / "stored", clip.stat().st_size
    ids = [accept_upload(clip, "a", folder).id for _ in range(4)]
    for hours, video_id in zip((30, 3, 2, 1), ids, strict=True):
        then = time.time() - 3600 * hours
        os.utime(stored_path(folder, video_id), (then, then))
    (folder / "mine.txt").write_text("kept")
    assert remove_old(folder) == 1
    assert [video.id for video in stored_videos(folder)] == ids[:0:-1]
    last = accept_upload(clip, "a", folder, quota_bytes=2 * size).id
    assert [video.id for video in stored_videos(folder)] == [last, ids[3]]
    assert (folder / "mine.txt").exists()
    with pytest.raises(UnusableVideo, match="all videos together may take"):
        accept_upload(clip, "a", folder, quota_bytes=size - 1)


@pytest.mark.usefixtures("quick")
def test_a_file_that_is_swapped_for_a_link_is_not_followed(tmp_path, clip, monkeypatch):
    secret = clip.rename(clip.with_name("secret.mp4"))
    clip.symlink_to(secret)
    monkeypatch.setattr(uploads_file, "file_kind", lambda *_: "mov")
    with pytest.raises(UnusableVideo, match="cannot be opened"):
        accept_upload(clip, "a.mp4", tmp_path / "stored")
    assert list((tmp_path / "stored").iterdir()) == []
