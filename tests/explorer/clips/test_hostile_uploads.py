"""Some of the files of ``python -m bench.hostile_uploads``."""

import pytest

from bench.damaged_inputs import noise, video
from bench.hostile_files import disguises, giants, names, packed, playlists
from bench.hostile_uploads import is_clear, is_plain, listener, send
from explorer.clips import VideoLimits

CHOSEN = {
    "wrong content": ("page.mp4", "animation.mp4", "ftyp.mp4"),
    "huge frames": ("header.png", "grows.avi"),
    "bomb": ("text.png",),
    "too long": ("hour.mp4",),
    "archive": ("a.mp4", "f.mp4"),
    "pickle": ("weights4.mp4",),
    "playlist": ("list.avi", "concat.mp4", "reference.mp4"),
    "link or device": ("link.mp4", "pipe.mp4", "folder.mp4"),
    "path in the name": ("../../../etc/cron.d/evil.mp4",),
    "markup in the name": ("<script>alert(1)</script>.mp4",),
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A place for the files; the working directory, which is watched as well, is another one."""
    (tmp_path / "root" / "incoming").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "root"


@pytest.mark.slow
def test_hostile_files_do_no_harm(root):
    secret = root / "secret.mp4"
    secret.write_bytes(video([noise(0)] * 4))
    with listener() as (address, asked):
        every = [*disguises(), *giants(), *packed(), *playlists(secret, address), *names()]
        chosen = [upload for upload in every if upload.name in CHOSEN.get(upload.kind, ())]
        outcomes = [send(upload, root, VideoLimits()) for upload in chosen]
    assert {one.upload.kind for one in outcomes} == set(CHOSEN)
    assert [fault for one in outcomes for fault in one.faults] == []
    assert asked == []


def test_uploads_that_no_process_must_look_into(root):
    kinds = {"link or device", "pickle"}
    for upload in [*playlists(root / "secret.mp4", "http://127.0.0.1:9"), *packed()]:
        if upload.kind in kinds and upload.expected == "refused":
            outcome = send(upload, root, VideoLimits())
            assert (outcome.result, outcome.faults) == ("refused", ())


def test_the_judge_sees_faults(tmp_path):
    assert is_clear("This is no video at all.", tmp_path)
    assert not is_clear(f"Cannot read the file {tmp_path}/a.mp4.", tmp_path)
    assert not is_clear("error 22", tmp_path)
    assert is_plain("clip.mp4")
    assert not is_plain("<b>.mp4")
    assert not is_plain("a\u202eb")
