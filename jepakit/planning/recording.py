"""Functions whose kernels are recorded once, as a CUDA graph, and replayed without launches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

WARM_UP = 3  # plain runs before: libraries choose kernels, lazily made constants come to be
KEPT = 4


class Recorder:
    """A function of nested tensors, run by the CUDA graph of an earlier run with like arguments.

    Arguments are alike if their structure, the shapes of their tensors and everything else in them
    agree; a first run with new ones records. What the function reads besides its arguments, such as
    weights, has to stay where it is in memory; autocast must not cache weights.

    Source: CUDA graphs as in ``torch.cuda.make_graphed_callables``, for structures and for
    inference.

    Args:
        function: never waits for the device, nor copies to it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._recordings: OrderedDict[Any, _Recording] = OrderedDict()

    def __call__(self, *arguments: Any) -> Any:
        """What the function makes of the arguments, in memory of its own.

        Raises:
            ValueError: a tensor that is not on a CUDA device.
        """
        tensors = list(tensors_of(arguments))
        strangers = sorted({x.device.type for x in tensors} - {"cuda"})
        if strangers:
            raise ValueError(f"Recording needs all tensors on a CUDA device, came {strangers}.")
        key = (structure_of(arguments), torch.is_autocast_enabled("cuda"))
        recording = self._recordings.pop(key, None)
        if recording is None:
            recording = _Recording(self.function, arguments)
        self._recordings[key] = recording
        while len(self._recordings) > KEPT:
            self._recordings.popitem(last=False)
        return recording.replay(tensors)


class _Recording:
    """One graph with the memory of its arguments and its result."""

    def __init__(self, function: Callable[..., Any], arguments: Any) -> None:
        self.inputs = [x.clone() for x in tensors_of(arguments)]
        own = with_tensors(arguments, iter(self.inputs))
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                function(*own)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = function(*own)

    def replay(self, tensors: list[Tensor]) -> Any:
        for kept, new in zip(self.inputs, tensors, strict=True):
            kept.copy_(new)
        self.graph.replay()
        return with_tensors(self.output, (x.clone() for x in tensors_of(self.output)))


def tensors_of(value: Any) -> Iterator[Tensor]:
    """All tensors of nested tuples and dataclasses, in a fixed order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from tensors_of(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors_of(getattr(value, field.name))


def with_tensors(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The same nested value with other tensors, in the order of :func:`tensors_of`."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, tuple):
        parts = [with_tensors(part, tensors) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: with_tensors(getattr(value, field.name), tensors) for field in fields(value)
        }
        return replace(value, **changed)
    return value


def structure_of(value: Any) -> Any:
    """What distinguishes one nested value from another beside the numbers in its tensors."""
    if isinstance(value, Tensor):
        return (tuple(value.shape), value.dtype, value.device)
    if isinstance(value, tuple):
        return (type(value), *(structure_of(part) for part in value))
    if is_dataclass(value):
        parts = (structure_of(getattr(value, field.name)) for field in fields(value))
        return (type(value), *parts)
    return value
