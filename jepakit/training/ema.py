"""The teacher: an exponential moving average of the student's weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

Pairs = Iterable[tuple[nn.Module, nn.Module]]


class Ema:
    """``teacher <- tau teacher + (1 - tau) student`` for every parameter; buffers are copied.

    One pass over memory (``torch._foreach_lerp_``) on lists made once. The lists hold the
    parameters themselves, so build this after the modules were moved and sharded; sharded
    parameters (``DTensor``) are averaged shard by shard without communication.
    """

    def __init__(self, pairs: Pairs) -> None:
        """Remember the tensors.

        Args:
            pairs: modules ``(student, teacher)`` with equal parameter names and shapes.

        Raises:
            ValueError: the two differ in structure, or are not in float32 (bfloat16 drops every
                change below 1/512 of a weight, and the average stands still).
        """
        self.pairs = list(pairs)
        self.students: list[Tensor] = []
        self.teachers: list[Tensor] = []
        self.copied: list[tuple[Tensor, Tensor]] = []
        for student, teacher in self.pairs:
            sources = _matched(student, teacher)
            for name, parameter in teacher.named_parameters():
                _check_precision(name, sources[name], parameter)
                self.students.append(sources[name])
                self.teachers.append(parameter)
            self.copied += [(sources[name], buffer) for name, buffer in teacher.named_buffers()]

    def train(self, *, mode: bool = True) -> None:
        """Put the teachers in training mode, or with ``mode=False`` in evaluation mode."""
        for _, teacher in self.pairs:
            teacher.train(mode)

    @torch.no_grad()
    def update(self, tau: float) -> None:
        """Move the teachers by ``1 - tau`` of the way to their students."""
        if self.teachers:
            torch._foreach_lerp_(self.teachers, self.students, 1.0 - tau)
        for source, buffer in self.copied:
            buffer.copy_(source)


def _matched(student: nn.Module, teacher: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of the student by name, after a check against the teacher's."""

    def shapes(module: nn.Module) -> dict[str, torch.Size]:
        named = [*module.named_parameters(), *module.named_buffers()]
        return {name: tensor.shape for name, tensor in named}

    ours, theirs = shapes(student), shapes(teacher)
    odd = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if odd:
        first = odd[0]
        raise ValueError(
            f"Teacher and student differ in {len(odd)} tensors, first {first!r}: student "
            f"{ours.get(first)}, teacher {theirs.get(first)}. Make the teacher a deep copy."
        )
    return dict([*student.named_parameters(), *student.named_buffers()])


def _check_precision(name: str, student: Tensor, teacher: Tensor) -> None:
    if teacher.dtype not in (torch.float32, torch.float64) or student.dtype != teacher.dtype:
        raise ValueError(
            f"A moving average needs float32 weights on both sides; {name!r} is {student.dtype} in "
            f"the student, {teacher.dtype} in the teacher. Use precision bf16-mixed, not bf16-true."
        )
