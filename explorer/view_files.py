"""A view as files in a folder."""

from __future__ import annotations

import json
from pathlib import Path

from explorer.markup import part_files
from explorer.view import View


def write_view(folder: Path, name: str, view: View) -> list[Path]:
    """Pictures, films, clouds, tables and files of a view, all names beginning with its own."""
    files: dict[str, bytes] = {}
    for number, part in enumerate(view.parts):
        for ending, content in part_files(part).items():
            files[f"{name}-{number}{ending}"] = content
    files |= {f"{name}-{file}": content for file, content in view.files.items()}
    about = {"title": view.title, "sentence": view.sentence, "files": sorted(files)}
    files[f"{name}.json"] = json.dumps(about, indent=2, ensure_ascii=False).encode()
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return [folder / file for file in files]
