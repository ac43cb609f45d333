"""Strict reader of the part of Thrift's binary protocol that the task file uses.

A value starts with nothing but its bytes; a field of a struct starts with one byte of wire type and
two of field number, and a zero byte ends the struct. Integers are big-endian. Anything that the
schema does not name is refused: a byte flipped somewhere must not turn into another task.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

F64, I32, STRING, STRUCT, LIST = 4, 8, 11, 12, 15
LIMIT = 1e6  # no length, angle or size of a scene comes near it

Decode = Callable[[bytes, int], tuple[Any, int]]
_i16 = struct.Struct(">h").unpack_from
_i32 = struct.Struct(">i").unpack_from
_f64 = struct.Struct(">d").unpack_from


class Wire(NamedTuple):
    """A kind of value: its wire type and how to read one, ``(data, offset) -> (value, end)``."""

    code: int
    decode: Decode


class Field(NamedTuple):
    """A field of a struct."""

    name: str
    wire: Wire
    required: bool = True


def _read_f64(data: bytes, at: int) -> tuple[float, int]:
    value = _f64(data, at)[0]
    if not -LIMIT < value < LIMIT:  # also refuses NaN
        raise ValueError(f"byte {at}: expected a number below {LIMIT:g} in size, got {value}")
    return value, at + 8


def _read_i32(data: bytes, at: int) -> tuple[int, int]:
    return _i32(data, at)[0], at + 4


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    length = _i32(data, at)[0]
    end = at + 4 + length
    if length < 0 or end > len(data):
        raise ValueError(f"byte {at}: a string of length {length} does not fit into the file")
    try:
        return data[at + 4 : end].decode("ascii"), end
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {at + 4}: expected plain text, {error}") from error


def list_of(item: Wire) -> Wire:
    """A list of values of one kind, read as a tuple."""
    code, decode = item

    def read(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        length = _i32(data, at + 1)[0]
        if data[at] != code or not 0 <= length <= len(data) - at:
            raise ValueError(
                f"byte {at}: expected a list of wire type {code} that fits into the file, "
                f"got type {data[at]} and length {length}"
            )
        at += 5
        values = []
        for _ in range(length):
            value, at = decode(data, at)
            values.append(value)
        return tuple(values), at

    return Wire(LIST, read)


def struct_of(name: str, fields: Mapping[int, Field], build: Callable[..., Any]) -> Wire:
    """A struct, read as ``build(field=value, ...)``."""
    required = {field.name for field in fields.values() if field.required}

    def read(data: bytes, at: int) -> tuple[Any, int]:
        start = at
        values: dict[str, Any] = {}
        while code := data[at]:
            number = _i16(data, at + 1)[0]
            field = fields.get(number)
            if field is None or field.wire.code != code or field.name in values:
                raise ValueError(
                    f"byte {at}: {name} has no field {number} of wire type {code} here; "
                    f"it has {', '.join(f'{n} {f.name}' for n, f in fields.items())}, once each"
                )
            values[field.name], at = field.wire.decode(data, at + 3)
        if missing := required - values.keys():
            raise ValueError(f"byte {start}: {name} lacks {', '.join(sorted(missing))}")
        try:
            return build(**values), at + 1
        except ValueError as error:
            raise ValueError(f"byte {start}: {name}: {error}") from error

    return Wire(STRUCT, read)


def read_all(wire: Wire, data: bytes) -> Any:
    """The one value that ``data`` holds.

    Raises:
        ValueError: the bytes are not such a value; the message names the offset and the field.
    """
    try:
        value, end = wire.decode(data, 0)
    except (struct.error, IndexError) as error:
        raise ValueError(f"byte {len(data)}: the data ends in the middle of a value") from error
    if end != len(data):
        raise ValueError(f"byte {end}: {len(data) - end} bytes follow the last value")
    return value


number = Wire(F64, _read_f64)
integer = Wire(I32, _read_i32)
text = Wire(STRING, _read_string)
