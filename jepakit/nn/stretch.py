"""Names along a vision transformer, and the part of it between two points of its stream."""

from __future__ import annotations

from dataclasses import dataclass

from jepakit.nn.block import block_names

EMBED, NORM = "embed", "norm"


def block_prefix(number: int) -> str:
    """What the names of a block's intermediates start with."""
    return f"blocks.{number:02d}."


def activation_names(depth: int) -> tuple[str, ...]:
    """Every named intermediate of ``depth`` blocks, in the order in which they are computed."""
    inner = (block_prefix(i) + name for i in range(depth) for name in block_names())
    return (EMBED, *inner, NORM)


def stream_names(depth: int) -> tuple[str, ...]:
    """The states of the residual stream, where a pass can be cut, and ``norm``, its end."""
    return (EMBED, *(block_prefix(i) + "out" for i in range(depth)), NORM)


@dataclass(frozen=True)
class Stretch:
    """What is computed between two points of the stream.

    Attributes:
        depth: blocks of the whole network.
        first: the first block of the stretch.
        end: the block after its last one; ``depth + 1`` where the last norm belongs to it.
    """

    depth: int
    first: int
    end: int

    @classmethod
    def between(cls, depth: int, *, after: str = EMBED, until: str = NORM) -> Stretch:
        """The stretch that starts where ``after`` is known and ends when ``until`` is.

        Raises:
            ValueError: no such point of the stream, ``after`` is its end, or behind ``until``.
        """
        if (after, until) == (EMBED, NORM):
            return cls(depth, 0, depth + 1)
        points = stream_names(depth)
        for what, name in (("after", after), ("until", until)):
            if name not in points:
                raise ValueError(
                    f"{what}={name!r} is no point of the residual stream; those are "
                    f"{', '.join(points)}."
                )
        first, end = points.index(after), points.index(until)
        if first > min(end, depth):
            raise ValueError(
                f"Nothing runs after {after!r} until {until!r}: choose an earlier and a later one "
                f"of {', '.join(points)}."
            )
        return cls(depth, first, end)

    @property
    def after(self) -> str:
        """The point at which it starts."""
        return stream_names(self.depth)[self.first]

    @property
    def blocks(self) -> range:
        """Numbers of its blocks."""
        return range(self.first, min(self.end, self.depth))

    @property
    def normed(self) -> bool:
        """Whether it goes through the last norm."""
        return self.end > self.depth

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its intermediates, both points included."""
        every, points = activation_names(self.depth), stream_names(self.depth)
        return every[every.index(points[self.first]) : every.index(points[self.end]) + 1]
