"""Files in CRAFT's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_movies import moving_square, write_movie

FRAMES = 30


def question(video: int, number: int, layout: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "question": f"Does the tiny circle {number} hit the ground?",
        "answer": "True" if number % 2 else "2",
        "answer_type": "Boolean" if number % 2 else "Count",
        "template_filename": "cause.json",
        "template_id": f"cause_{number}",
        "question_family_index": number,
        "question_type": "Cause",
        "video_file_path": f"./videos/sid_{layout}/{video:06d}.mpg",
        "video_index": video,
        "question_index": 10 * video + number,
        "simulation_id": str(layout),
        **changes,
    }


def nested(video: int, layout: int, questions: list[dict[str, Any]]) -> dict[str, Any]:
    """An entry of ``dataset.json``."""
    moved = [
        {
            **{k: v for k, v in q.items() if k not in ("video_file_path", "simulation_id")},
            "video_filename": q["video_file_path"],
            "program": [{"type": "scene"}],
        }
        for q in questions
    ]
    return {"simulation_id": layout, "questions": {"info": {}, "questions": moved}}


def write_craft(root: Path, questions: list[Any], *, hard: str = "test") -> None:
    """Videos 0 and 1 of layout 1, video 2 of layout 7; random: 0 train, 1 validation, 2 test."""
    for video, layout in ((0, 1), (1, 1), (2, 7)):
        write_movie(
            root / f"videos/sid_{layout}/{video:06d}.mpg",
            moving_square(FRAMES),
            fps=60,
            codec="mpeg1video",
        )
    (root / "dataset_minimal.json").write_text(json.dumps(questions))
    names = ("train", "validation", "test")
    rows = {
        name: [
            {"video_index": q["video_index"], "question_index": q["question_index"]}
            for q in questions
            if isinstance(q, dict) and q.get("video_index") == number
        ]
        for number, name in enumerate(names)
    }
    (root / "split_info_random.json").write_text(json.dumps(rows))
    everything = [row for name in names for row in rows[name]]
    (root / "split_info_hard.json").write_text(json.dumps({hard: everything}))


def three_videos() -> list[dict[str, Any]]:
    return [question(0, 0), question(0, 1), question(1, 0), question(2, 3, layout=7)]
