import lzma
import struct

import numpy as np
import pytest
from task_bytes import (
    WALLS,
    ball,
    bar,
    body_bytes,
    collection,
    f64,
    field,
    i32,
    items,
    make_task,
    task_bytes,
    text,
    write,
)

from worlds.phyre import Relation, find_tasks, load_tasks
from worlds.phyre.task import metres
from worlds.phyre.task_file import VARIABLE
from worlds.scene import Circle

TASK = make_task(ball(60.0, 80.0), bar(128.0, 20.0, 50.0, 0.3), relation=Relation.TOUCHING)


def test_a_written_task_is_read_back(tmp_path):
    other = make_task(
        ball(9.5, 80.0), ball(30.0, 9.0, 3.0, "blue"), name="00107:099", tier="TWO_BALLS"
    )
    tasks = load_tasks(write(tmp_path / "tasks", task_bytes(TASK), task_bytes(other)))
    assert tasks == {"00000:000": TASK, "00107:099": other}
    assert other.template == "00107"


def test_scenes_are_in_metres_and_identities_count_from_the_first_body_after_the_walls():
    scene = TASK.scene()
    assert scene.identities == (1, 2)
    assert [body.identity for body in scene.bodies] == [0, 0, 0, 0, 1, 2]
    assert scene.bodies[4].position == (10.0, metres(80.0))
    assert isinstance(scene.bodies[4].shapes[0], Circle)
    assert scene.bodies[4].shapes[0].radius == metres(10.0)
    assert scene.width == pytest.approx(256 / 6)
    assert metres(80.0) == float(np.float32(80) / np.float32(6)) != 80 / 6


def test_the_official_file(official):
    tiers = [task.tier for task in official.values()]
    assert len(official) == 7137
    assert tiers.count("BALL") == tiers.count("TWO_BALLS") == 2500
    main = [task for task in official.values() if task.tier in ("BALL", "TWO_BALLS")]
    assert len({task.template for task in main}) == 50
    assert {task.relation for task in main} == {Relation.TOUCHING}
    assert all(body.kind != "other" for task in main for body in task.bodies[4:])
    assert all(
        task.bodies[:4] == WALLS or task.bodies[0].position == (128.0, -2.5) for task in main
    )


def broken(**change):
    return body_bytes(WALLS[0], **change)


def with_body(*payload):
    return task_bytes(TASK, bodies=[*map(body_bytes, WALLS), *payload])


BODY_START = field(12, 1, f64(1, 0.0) + f64(2, 0.0) + b"\0") + i32(2, 1)
SQUARE = [f64(1, 0.0) + f64(2, 0.0) + b"\0"] * 9

BAD = {
    "a struct without its required fields": (field(12, 2, b"\0") + b"\0", "Scene lacks bodies"),
    "an unknown field": (i32(77, 1), "Task has no field 77 of wire type 8"),
    "a field of another type": (i32(1, 5), "Task has no field 1 of wire type 8"),
    "a field twice": (text(1, "a") + text(1, "b"), "Task has no field 1 .* once each"),
    "text that is too long": (field(11, 1, struct.pack(">i", 10**6)), "string of length 1000000"),
    "text of negative length": (field(11, 1, struct.pack(">i", -4)), "string of length -4"),
    "text that is none": (field(11, 1, struct.pack(">i", 1) + b"\xff"), "plain text"),
    "a list of something else": (items(5, 4, [struct.pack(">d", 6.0)]), "list of wire type 8"),
    "a list that is too long": (field(15, 5, struct.pack(">bi", 8, 10**8)), "length 100000000"),
    "not a number": (with_body(BODY_START + f64(3, float("nan")) + b"\0"), "got nan"),
    "a huge number": (with_body(BODY_START + f64(3, 1e300) + b"\0"), r"below 1e\+06.*1e\+300"),
    "an unknown body type": (
        with_body(broken(body_type=3)),
        "body type 1 static or 2 dynamic, got 3",
    ),
    "no colour": (with_body(broken(colour=0)), r"colour 1\.\.6, got 0"),
    "an unknown shape type": (with_body(broken(kind=9)), r"shape type 0\.\.4, got 9"),
    "a negative shape type": (with_body(broken(kind=-1)), "got -1"),
    "a radius of nothing": (
        with_body(BODY_START + items(4, 12, [field(12, 2, f64(1, 0.0) + b"\0") + b"\0"]) + b"\0"),
        "positive radius, got 0",
    ),
    "too many vertices": (
        with_body(
            BODY_START + items(4, 12, [field(12, 1, items(1, 12, SQUARE) + b"\0") + b"\0"]) + b"\0"
        ),
        "3 to 8 vertices, got 9",
    ),
    "an empty shape": (with_body(BODY_START + items(4, 12, [b"\0"]) + b"\0"), "either a polygon"),
    "another scene size": (task_bytes(TASK, size=(256, 512)), "256x512"),
    "nothing but walls": (
        task_bytes(make_task(), bodies=[*map(body_bytes, WALLS)]),
        "more than the 4 walls",
    ),
    "a relation of missing bodies": (
        task_bytes(make_task(ball(60.0, 80.0))),
        "bodies 4 and 5 are not among the 5",
    ),
    "two relations": (task_bytes(TASK, relations=[6, 8]), "one relation"),
    "an unknown relation": (task_bytes(TASK, relations=[60]), "60 is not a valid Relation"),
}


@pytest.mark.parametrize("name", BAD)
def test_corrupt_content_is_refused_with_its_place(name, tmp_path):
    payload, message = BAD[name]
    with pytest.raises(
        ValueError, match=rf"(?s)tasks is no PHYRE task file: byte \d+: .*{message}"
    ):
        load_tasks(write(tmp_path / "tasks", payload))


def test_corrupt_files_are_refused(tmp_path):
    path = write(tmp_path / "tasks", task_bytes(TASK))
    packed = path.read_bytes()
    for cut in (0, 10, len(packed) // 2, len(packed) - 1):
        path.write_bytes(packed[:cut])
        with pytest.raises(ValueError, match="no complete lzma file"):
            load_tasks(path)
    plain = collection(task_bytes(TASK))
    for cut in range(0, len(plain), 31):
        path.write_bytes(lzma.compress(plain[:cut]))
        with pytest.raises(ValueError, match="no PHYRE task file"):
            load_tasks(path)
    path.write_bytes(lzma.compress(plain + b"\0\0"))
    with pytest.raises(ValueError, match=f"byte {len(plain)}: 2 bytes follow"):
        load_tasks(path)
    with pytest.raises(ValueError, match="2 tasks but only 1 identities"):
        load_tasks(write(path, task_bytes(TASK), task_bytes(TASK)))


def test_a_flipped_byte_gives_a_task_or_a_clear_error(tmp_path):
    plain = bytearray(collection(task_bytes(TASK)))
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        place = generator.integers(len(plain))
        kept, plain[place] = plain[place], plain[place] ^ int(generator.integers(1, 256))
        (tmp_path / "tasks").write_bytes(lzma.compress(bytes(plain), preset=0))
        try:
            assert len(load_tasks(tmp_path / "tasks")) <= 1
        except ValueError as error:
            assert "byte " in str(error)  # noqa: PT017
            refused += 1
        plain[place] = kept
    assert refused > 70


def test_where_the_task_file_is_looked_for(tmp_path, monkeypatch):
    path = write(tmp_path / "tasks", task_bytes(TASK))
    monkeypatch.setenv(VARIABLE, str(path))
    assert find_tasks() == path
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="missing; there is none"):
        find_tasks()
    assert find_tasks(path) == path
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("worlds.phyre.task_file.PLACES", (tmp_path / "missing", path))
    assert find_tasks() == path
    monkeypatch.setattr("worlds.phyre.task_file.PLACES", (tmp_path / "missing",))
    assert find_tasks() is None
