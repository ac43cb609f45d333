"""What a data set of episodes has: its actions, and what each stored episode holds, checked."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from jepakit.actions import ActionSpace
from jepakit.data.manifest import Description
from jepakit.data.schema import BadSample
from jepakit.data.stored_sample import StoredSample


def check_actions(description: Description, expected: ActionSpace, path: str) -> None:
    """Hold the actions of a data set against those of a model.

    Raises:
        ValueError: the data set has none, or others; the message names both.
    """
    came = description.actions
    if came is None:
        raise ValueError(
            f"{path} has no actions: its manifest declares no action space. Record episodes with "
            "python -m data_prep push or trajectories."
        )
    differences = [
        f"{name} {wanted}, came {given}"
        for name, wanted, given in (
            ("names", expected.names, came.names),
            ("low", expected.low, came.low),
            ("high", expected.high, came.high),
            ("state_names", expected.state_names or came.state_names, came.state_names),
        )
        if wanted != given
    ]
    if differences:
        raise ValueError(
            f"The model's actions are not those of {path}: expected {'; '.join(differences)}. "
            "Give the model the action space of the data's manifest, or prepare the data with the "
            "model's."
        )


class EpisodeArrays:
    """Actions and the agent's own states of stored episodes.

    Args:
        description: of the data set; its actions are declared.
    """

    def __init__(self, description: Description) -> None:
        assert description.actions is not None
        self.width = len(description.actions)
        self.proprio = description.proprio
        self._frames = description.form.frames

    @property
    def states_width(self) -> int:
        """``s``, the numbers of the agent's own state."""
        return 0 if self.proprio is None else len(self.proprio[1])

    def actions(self, stored: StoredSample) -> Float[ndarray, "steps a"]:
        """Row ``i`` leads from frame ``i`` to the next; the last row, which leads on, is left out.

        Raises:
            BadSample: none, of another shape, or not finite.
        """
        array, expected = stored.array("actions"), (self._frames, self.width)
        if array is None or array.shape != expected:
            came = "none" if array is None else array.shape
            raise BadSample(f"{stored.name}, actions: {expected} expected, came {came}")
        return _finite(array[:-1], stored, "actions")

    def states(self, stored: StoredSample) -> Float[ndarray, "t s"]:
        """The agent's own state at each frame.

        Raises:
            BadSample: none, of another shape, or not finite.
        """
        if self.proprio is None:
            return np.zeros((self._frames, 0), dtype=np.float32)
        (row, columns), array = self.proprio, stored.array("states")
        least = self._frames, row + 1, max(columns, default=-1) + 1
        if array is None or array.shape[0] != least[0] or np.less(array.shape, least).any():
            came = "none" if array is None else array.shape
            raise BadSample(f"{stored.name}, states: {least} at least expected, came {came}")
        return _finite(array[:, row, list(columns)], stored, "states")


def _finite(array: ndarray, stored: StoredSample, member: str) -> Float[ndarray, "t f"]:
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(wrong):
        raise BadSample(f"{stored.name}, {member}: not finite in rows {wrong[:8].tolist()}")
    return array.astype(np.float32)
