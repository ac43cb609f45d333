"""Writes task files, and makes small tasks, so that tests need no download."""

import lzma
import struct

from worlds.phyre.task import COLOURS, KINDS, Relation, Task, TaskBody
from worlds.scene import Circle, Polygon


def box(width, height):
    return Polygon(
        ((width / 2, height / 2), (-width / 2, height / 2), (-width / 2, -height / 2),
         (width / 2, -height / 2))
    )  # fmt: skip


def wall(x, y, width, height):
    return TaskBody((x, y), (box(width, height),), False, "black", "other", 0.0, 256.0)


WALLS = (
    wall(128.0, -2.5, 256.0, 5.0),
    wall(-2.5, 128.0, 5.0, 256.0),
    wall(128.0, 258.5, 256.0, 5.0),
    wall(258.5, 128.0, 5.0, 256.0),
)


def ball(x, y, radius=10.0, colour="green"):
    return TaskBody((x, y), (Circle(radius),), True, colour, "ball", 0.0, 2 * radius)


def bar(x, y, width, angle=0.0, *, dynamic=False, colour="purple"):
    return TaskBody((x, y), (box(width, 5.0),), dynamic, colour, "bar", angle, width)


def make_task(
    *bodies, subject=4, other=5, tier="BALL", relation=Relation.TOUCHING, name="00000:000"
):
    return Task(name, tier, WALLS + bodies, subject, other, relation, "made for a test")


def field(code, number, payload):
    return struct.pack(">bh", code, number) + payload


def f64(number, value):
    return field(4, number, struct.pack(">d", value))


def i32(number, value):
    return field(8, number, struct.pack(">i", value))


def text(number, value):
    return field(11, number, struct.pack(">i", len(value)) + value.encode())


def items(number, code, payloads):
    return field(15, number, struct.pack(">bi", code, len(payloads)) + b"".join(payloads))


def vector(point):
    return f64(1, point[0]) + f64(2, point[1]) + b"\0"


def shape_bytes(shape):
    if isinstance(shape, Circle):
        return field(12, 2, f64(1, shape.radius) + b"\0") + b"\0"
    return field(12, 1, items(1, 12, [vector(v) for v in shape.vertices]) + b"\0") + b"\0"


def body_bytes(body, **override):
    value = {
        "body_type": 2 if body.dynamic else 1,
        "colour": COLOURS.index(body.colour),
        "kind": KINDS.index(body.kind),
        **override,
    }
    return (
        field(12, 1, vector(body.position))
        + i32(2, value["body_type"])
        + f64(3, body.angle)
        + items(4, 12, [shape_bytes(shape) for shape in body.shapes])
        + i32(5, value["colour"])
        + i32(6, value["kind"])
        + f64(7, body.diameter)
        + b"\0"
    )


def task_bytes(task, *, bodies=None, size=(256, 256), relations=None):
    bodies = bodies or [body_bytes(body) for body in task.bodies]
    scene = items(1, 12, bodies) + i32(3, size[0]) + i32(4, size[1]) + b"\0"
    relations = [task.relation] if relations is None else relations
    return (
        text(1, task.identity)
        + field(12, 2, scene)
        + i32(3, task.subject)
        + i32(4, task.object)
        + items(5, 8, [struct.pack(">i", relation) for relation in relations])
        + text(6, task.description)
        + text(9, task.tier)
        + b"\0"
    )


def collection(*tasks):
    return items(1, 12, list(tasks)) + b"\0"


def write(path, *tasks):
    path.write_bytes(lzma.compress(collection(*tasks)))
    return path
