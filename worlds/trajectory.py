"""What a simulation leaves behind: states, contacts and where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTACT = np.dtype([("step", "<i4"), ("a", "<i4"), ("b", "<i4"), ("impulse", "<f4")])
"""One row of a contact log: two bodies ``a < b`` touched during a step, with ``impulse`` in N s."""


@dataclass(frozen=True)
class Trajectory:
    """Recorded states of every body of a scene, in the scene's order.

    Attributes:
        states: ``(T, B, 6)``: x, y in m, angle in rad, vx, vy in m/s, angular velocity in rad/s.
        steps: ``(T,)``: how many steps had been made at each recorded frame; 0 is the start.
        contacts: one row of :data:`CONTACT` per touching pair and step; ``a`` and ``b`` are indices
            of bodies, ``impulse`` the normal impulses of the step summed over the pair's points.
            Empty when the simulation was told not to log.
        final: ``(B, 6)``: the state after the last step, recorded or not.
        stopped_at: the step after which ``until`` said yes, or None.
    """

    states: NDArray[np.float64]
    steps: NDArray[np.int64]
    contacts: NDArray[np.void]
    final: NDArray[np.float64]
    stopped_at: int | None


def by_identity(contacts: NDArray[np.void], identities: Sequence[int]) -> NDArray[np.void]:
    """A contact log in object ids instead of body indices; rows of the same pair are added up.

    Args:
        contacts: rows of :data:`CONTACT` between bodies.
        identities: id of each body. Bodies may share one (the walls are all 0).

    Returns:
        Rows of :data:`CONTACT` between ids, ``a <= b``, ordered by step, then by pair.
    """
    ids = np.asarray(identities, np.int64)
    count = int(ids.max(initial=0)) + 1
    a, b = ids[contacts["a"]], ids[contacts["b"]]
    step = contacts["step"].astype(np.int64)
    keys, row = np.unique(
        (step * count + np.minimum(a, b)) * count + np.maximum(a, b), return_inverse=True
    )
    log = np.zeros(len(keys), CONTACT)
    rest, log["b"] = np.divmod(keys, count)
    log["step"], log["a"] = np.divmod(rest, count)
    log["impulse"] = np.bincount(row, weights=contacts["impulse"], minlength=len(keys))
    return log
