import pytest

from explorer.clips import safe_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("clip.mp4", "clip.mp4"),
        ("Mein Videö (2).mov", "Mein Videö (2).mov"),
        ("हिन्दी 動画.mp4", "हिन्दी 動画.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.avi", "a.avi"),
        ("<script>alert(1)<b>.mp4", "script alert(1) b .mp4"),
        ("＜b＞.mp4", "b .mp4"),
        ("ａ／ｂ.mp4", "b.mp4"),
        ("[x](javascript:y).mp4", "x (javascript y).mp4"),
        ("clip\u202e4pm.exe", "clip 4pm.exe"),
        ("a\x00b\r\nc.mp4", "a b c.mp4"),
        ("\ud800", "video"),
        ("..", "video"),
        ("", "video"),
        ("---", "video"),
    ],
)
def test_names_lose_paths_markup_and_what_cannot_be_seen(given, shown):
    assert safe_name(given) == shown


def test_long_names_keep_their_ending():
    shown = safe_name("x" * 5000 + ".mp4")
    assert len(shown) == 80
    assert shown.endswith("x.mp4")
    assert len(safe_name("y" * 300)) == 80
