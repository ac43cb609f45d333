"""What a file is by its first bytes, so that only known containers ever meet a decoder."""

from __future__ import annotations

HEAD_BYTES = 1024

_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}

_FOREIGN = {
    b"GIF8": "a GIF animation; save it as mp4 or webm",
    b"PK\x03\x04": "a ZIP archive; unpack it and give one video",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive; unpack it and give one video",
    b"BZh": "a bzip2 archive; unpack it and give one video",
    b"\xfd7zXZ": "an xz archive; unpack it and give one video",
    b"7z\xbc\xaf": "a 7z archive; unpack it and give one video",
    b"Rar!": "a RAR archive; unpack it and give one video",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a script",
    b"\x93NUMPY": "a NumPy array",
    b"OggS": "an Ogg file; save the video as mp4 or webm",
    b"FLV": "a Flash video; save it as mp4 or webm",
    b"\x30\x26\xb2\x75": "a Windows Media file; save it as mp4 or webm",
    b"\x00\x00\x01\xba": "an MPEG program stream; save it as mp4 or webm",
    b"ID3": "a sound file",
    b"fLaC": "a sound file",
    b"#EXTM3U": "a playlist, which only names other files; give the video itself",
    b"ffconcat": "a playlist, which only names other files; give the video itself",
    b"[playlist]": "a playlist, which only names other files; give the video itself",
    b"II*\x00": "a TIFF picture; save it as png",
    b"MM\x00*": "a TIFF picture; save it as png",
}


def container_of(head: bytes) -> str | None:
    """FFmpeg's name of the container that begins with these bytes, among those that are read."""
    if head[4:8] in _BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    return None


def picture_of(head: bytes) -> str | None:
    """Pillow's name of the picture that begins with these bytes, among those that are read."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for start, kind in _PICTURES.items() if head.startswith(start)), None)


def describe(head: bytes) -> str:
    """What else the file is, in words."""
    for start, words in _FOREIGN.items():
        if head.startswith(start):
            return words
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it and give one video"
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "a sound file"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle, which is never opened"
    if len(head) > 188 and head[0] == head[188] == 0x47:
        return "an MPEG transport stream; save it as mp4 or webm"
    if not head.strip(b"\x00"):
        return "nothing but zeros"
    return _text(head)


def _text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<?xml", b"<svg")) and b"<svg" in start:
        return "an SVG drawing; save it as png"
    if start.startswith(b"<"):
        return "a web page or another document of tags"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "a text"
    return "of no kind that is known here"
