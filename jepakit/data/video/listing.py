"""Lists of videos as text: one path a line, with or without its label."""

from __future__ import annotations

import re
from pathlib import Path

from jepakit.data.video.decoder import is_known

_LABEL = re.compile(r"[+-]?[0-9]+")


def read_list(path: Path) -> list[tuple[int, Path, int | None]]:
    """Line number, file and label of each line that is not empty.

    ``PATH LABEL`` as in V-JEPA 2, ``PATH::LABEL`` for paths with blanks, or ``PATH,LABEL`` in a
    file that is named ``.csv``; the first line decides which. Labels are whole numbers. Paths are
    relative to the folder of the list. Whether the files exist shows when they are read.

    Raises:
        ValueError: no lines, a line of another form, or labels on some lines only; the message
            names the list and the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8: {error}.") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line]
    if not lines:
        raise ValueError(f"{path} lists no videos; expected lines such as 'clips/a.mp4 3'.")
    delimiter = _delimiter(path, lines[0][1])
    rows = []
    for number, line in lines:
        name, label = _split(line, delimiter, f"{path}, line {number}")
        rows.append((number, path.parent / name, label))
    labelled = {label is not None for _, _, label in rows}
    if len(labelled) > 1:
        number = next(n for n, _, label in rows if (label is None) != (rows[0][2] is None))
        raise ValueError(
            f"{path}, line {number}: some lines have a label and some have none; label all or none."
        )
    return rows


def _delimiter(path: Path, line: str) -> str | None:
    """``::``, a comma, or None for blanks."""
    if "::" in line:
        return "::"
    return "," if path.suffix.lower() == ".csv" and "," in line else None


def _split(line: str, delimiter: str | None, where: str) -> tuple[str, int | None]:
    """Path and label; what follows the last delimiter is a label, or there is none."""
    name, *rest = line.rsplit(delimiter, 1)
    if delimiter is None and rest and not _LABEL.fullmatch(rest[0]):
        if is_known(rest[0]):
            return line, None  # a path with blanks and no label
        raise ValueError(
            f"{where}: expected 'PATH LABEL' with a whole number, got {line!r}. Where paths have "
            "blanks write 'PATH::LABEL'."
        )
    if not rest:
        return name, None
    if not name.strip() or not _LABEL.fullmatch(rest[0].strip()):
        raise ValueError(
            f"{where}: expected 'PATH{delimiter or ' '}LABEL' with a whole number, got {line!r}."
        )
    return name.strip().strip('"'), int(rest[0])
