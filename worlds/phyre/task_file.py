"""The official task file: lzma around Thrift's binary protocol, read with the standard library."""

from __future__ import annotations

import lzma
import os
from pathlib import Path
from typing import Any

from worlds.phyre import thrift
from worlds.phyre.task import COLOURS, KINDS, SIZE, WALLS, Relation, Task, TaskBody
from worlds.phyre.thrift import Field
from worlds.scene import Circle, Point, Polygon

VARIABLE = "PHYRE_TASKS"
REPOSITORY = Path(__file__).resolve().parents[2]
PLACES = (
    REPOSITORY / "datasets" / "phyre" / "tasks.bin.lzma",
    REPOSITORY.parent / "shared" / "data" / "phyre" / "tasks.bin.lzma",
)


def find_tasks(path: str | Path | None = None) -> Path | None:
    """Where the task file is, or None.

    Looks at ``path``, else at the environment variable PHYRE_TASKS, else at
    ``datasets/phyre/tasks.bin.lzma`` in the repository, else in ``../shared/data/phyre`` beside it.

    Raises:
        ValueError: ``path`` or the variable names a file that does not exist.
    """
    named = path or os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise ValueError(f"Expected a task file at {named}; there is none.")
        return Path(named)
    return next((place for place in PLACES if place.is_file()), None)


def load_tasks(path: str | Path) -> dict[str, Task]:
    """Tasks by identity, in the file's order (about 2 s for the official 7,137 tasks).

    Raises:
        ValueError: the file is not a task file; the message names the byte and the field.
    """
    try:
        data = lzma.decompress(Path(path).read_bytes())
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{path} is no complete lzma file: {error}") from error
    try:
        tasks = thrift.read_all(COLLECTION, data)
    except ValueError as error:
        raise ValueError(f"{path} is no PHYRE task file: {error} (offsets unpacked)") from error
    named = {task.identity: task for task in tasks}
    if len(named) < len(tasks):
        raise ValueError(f"{path} holds {len(tasks)} tasks but only {len(named)} identities.")
    return named


def _choice(values: tuple[str, ...], index: int, what: str, first: int = 0) -> str:
    if not first <= index < len(values):
        raise ValueError(f"expected {what} {first}..{len(values) - 1}, got {index}")
    return values[index]


def _point(*, x: float, y: float) -> Point:
    return x, y


def _polygon(*, vertices: tuple[Point, ...]) -> Polygon:
    if not 3 <= len(vertices) <= 8:
        raise ValueError(f"expected 3 to 8 vertices, got {len(vertices)}")
    return Polygon(vertices)


def _circle(*, radius: float) -> Circle:
    if radius <= 0:
        raise ValueError(f"expected a positive radius, got {radius}")
    return Circle(radius)


def _shape(*, polygon: Polygon | None = None, circle: Circle | None = None) -> Circle | Polygon:
    shape = polygon or circle
    if shape is None or (polygon and circle):
        raise ValueError("expected either a polygon or a circle")
    return shape


def _body(*, body_type: int, colour: int, kind: int, **rest: Any) -> TaskBody:
    if body_type not in (1, 2):
        raise ValueError(f"expected body type 1 static or 2 dynamic, got {body_type}")
    return TaskBody(
        dynamic=body_type == 2,
        colour=_choice(COLOURS, colour, "colour", first=1),
        kind=_choice(KINDS, kind, "shape type"),
        **rest,
    )


def _scene(
    *,
    bodies: tuple[TaskBody, ...],
    user_bodies: tuple[TaskBody, ...] = (),
    width: int,
    height: int,
    user_status: int = 0,
) -> tuple[TaskBody, ...]:
    if (width, height) != (SIZE, SIZE) or user_bodies or user_status:
        raise ValueError(f"expected {SIZE}x{SIZE} pixels without user's bodies: {width}x{height}")
    if len(bodies) <= WALLS:
        raise ValueError(f"expected more than the {WALLS} walls, got {len(bodies)} bodies")
    return bodies


def _task(
    *,
    scene: tuple[TaskBody, ...],
    subject: int,
    object: int,
    relations: tuple[int, ...],
    phantom: Circle | Polygon | None = None,
    **rest: Any,
) -> Task:
    del phantom  # the region of INSIDE, which no task of the benchmark's tiers uses
    if not (0 <= subject < len(scene) and 0 <= object < len(scene)):
        raise ValueError(f"bodies {subject} and {object} are not among the {len(scene)} bodies")
    if len(relations) != 1:
        raise ValueError(f"expected one relation, got {relations}")
    return Task(
        bodies=scene, subject=subject, object=object, relation=Relation(relations[0]), **rest
    )


_VECTOR = thrift.struct_of(
    "Vector", {1: Field("x", thrift.number), 2: Field("y", thrift.number)}, _point
)
_POLYGON = thrift.struct_of("Polygon", {1: Field("vertices", thrift.list_of(_VECTOR))}, _polygon)
_CIRCLE = thrift.struct_of("Circle", {1: Field("radius", thrift.number)}, _circle)
_SHAPE = thrift.struct_of(
    "Shape",
    {1: Field("polygon", _POLYGON, required=False), 2: Field("circle", _CIRCLE, required=False)},
    _shape,
)
_BODY = thrift.struct_of(
    "Body",
    {
        1: Field("position", _VECTOR),
        2: Field("body_type", thrift.integer),
        3: Field("angle", thrift.number, required=False),
        4: Field("shapes", thrift.list_of(_SHAPE)),
        5: Field("colour", thrift.integer),
        6: Field("kind", thrift.integer),
        7: Field("diameter", thrift.number),
    },
    _body,
)
_SCENE = thrift.struct_of(
    "Scene",
    {
        1: Field("bodies", thrift.list_of(_BODY)),
        2: Field("user_bodies", thrift.list_of(_BODY), required=False),
        3: Field("width", thrift.integer),
        4: Field("height", thrift.integer),
        5: Field("user_status", thrift.integer, required=False),
    },
    _scene,
)
_TASK = thrift.struct_of(
    "Task",
    {
        1: Field("identity", thrift.text),
        2: Field("scene", _SCENE),
        3: Field("subject", thrift.integer),
        4: Field("object", thrift.integer),
        5: Field("relations", thrift.list_of(thrift.integer)),
        6: Field("description", thrift.text),
        8: Field("phantom", _SHAPE, required=False),
        9: Field("tier", thrift.text),
    },
    _task,
)
COLLECTION = thrift.struct_of(
    "TaskCollection", {1: Field("tasks", thrift.list_of(_TASK))}, lambda *, tasks: tasks
)
