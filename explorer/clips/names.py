"""Names that people give to files, made fit to be shown."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 80
_KEPT = "._-+()"


def safe_name(text: str) -> str:
    """The last part of a path in letters, digits, spaces and ``._-+()``; other characters go.

    Nothing in it is markup or a path, is invisible or turns the direction of the text.
    Compatibility forms are resolved first: a full-width ``＜`` is a ``<``. At most 80 characters,
    the ending kept; ``video`` where nothing is left.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFKC", text))[-1]
    shown = "".join(one if _is_plain(one) else " " for one in last)
    words = re.sub(r"\s+", " ", shown).strip(" .")
    if len(words) > LONGEST:
        stem, dot, ending = words.rpartition(".")
        tail = dot + ending if stem and len(ending) <= 5 else ""
        words = words[: LONGEST - len(tail)].rstrip(" .") + tail
    return words if any(one.isalnum() for one in words) else "video"


def _is_plain(one: str) -> bool:
    # Letters, digits and the marks that some scripts put on letters.
    return one in _KEPT or unicodedata.category(one)[0] in "LNM"
