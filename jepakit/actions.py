"""What an agent can do: names and bounds of its actions, and how they move its own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from jaxtyping import Float

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # manifests are read and written without torch; shapes are checked all the same

Composition = Literal["add", "rotate", "set"]


@dataclass(frozen=True)
class StateChange:
    """How some numbers of an action change some numbers of the agent's own state.

    Attributes:
        actions: columns of the action.
        states: columns of the state, as many.
        how: ``add`` the scaled action; ``rotate`` the three extrinsic xyz Euler angles of the state
            by those of the action, ``R(action) R(state)``; or ``set`` the state to the action.
        scale: factor of an added action, such as seconds per step for a velocity.
        low: the state stays at or above this.
        high: the state stays at or below this.
    """

    actions: tuple[int, ...]
    states: tuple[int, ...]
    how: Composition = "add"
    scale: float = 1.0
    low: float = -float("inf")
    high: float = float("inf")

    def __post_init__(self) -> None:
        """Refuse columns that do not pair up."""
        if len(self.actions) != len(self.states):
            raise ValueError(
                f"Columns of actions and states must pair up: {self.actions}, {self.states}."
            )
        if self.how == "rotate" and len(self.actions) != 3:
            raise ValueError(f"A rotation has three Euler angles, came columns {self.actions}.")

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> StateChange:
        """From a manifest or a run folder."""
        return cls(
            **{**fields, "actions": tuple(fields["actions"]), "states": (*fields["states"],)}
        )


@dataclass(frozen=True)
class ActionSpace:
    """The actions of an agent, one vector per step.

    Attributes:
        names: of the numbers of an action.
        low: smallest value of each.
        high: largest value of each.
        state_names: of the numbers of the agent's own state (proprioception); empty without one.
        changes: how actions move that state, so that imagined steps can carry it along; columns
            of the state that no change names stay.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    state_names: tuple[str, ...] = ()
    changes: tuple[StateChange, ...] = ()

    def __post_init__(self) -> None:
        """Refuse bounds and columns that do not fit the names."""
        if not len(self.names) == len(self.low) == len(self.high) > 0:
            raise ValueError(
                f"An action space needs one lower and one upper bound per name: {len(self.names)} "
                f"names, {len(self.low)} and {len(self.high)} bounds."
            )
        if wrong := [n for n, a, b in zip(self.names, self.low, self.high, strict=True) if a >= b]:
            raise ValueError(f"The lower bound must be below the upper one; it is not for {wrong}.")
        for change in self.changes:
            if max(change.actions) >= len(self.names) or max(change.states) >= self.states:
                raise ValueError(
                    f"{change} names a column beyond {len(self.names)} actions or "
                    f"{self.states} states."
                )

    def __len__(self) -> int:
        """Numbers of an action."""
        return len(self.names)

    @property
    def states(self) -> int:
        """Numbers of the agent's own state."""
        return len(self.state_names)

    def bounds(self, like: Tensor) -> tuple[Float[Tensor, " a"], Float[Tensor, " a"]]:
        """Lower and upper bounds with the type and device of ``like``."""
        return like.new_tensor(self.low), like.new_tensor(self.high)

    def normalised(self, actions: Float[Tensor, "*b a"]) -> Float[Tensor, "*b a"]:
        """Actions with their bounds at -1 and 1."""
        low, high = self.bounds(actions)
        return (actions - (low + high) / 2) / ((high - low) / 2)

    def moved(
        self, states: Float[Tensor, "*b s"], actions: Float[Tensor, "*b a"]
    ) -> Float[Tensor, "*b s"]:
        """The agent's own state after an action.

        Source: V-JEPA 2-AC, section 3.3, for an arm's pose and gripper; any agent here.
        """
        import torch

        columns = list(states.unbind(-1))
        for change in self.changes:
            old = torch.stack([states[..., column] for column in change.states], dim=-1)
            action = torch.stack([actions[..., column] for column in change.actions], dim=-1)
            if change.how == "add":
                new = old + change.scale * action
            elif change.how == "rotate":
                from jepakit.rotations import matrix_of_euler, to_euler

                new = to_euler(matrix_of_euler(action) @ matrix_of_euler(old))
            else:
                new = action
            parts = new.clamp(change.low, change.high).unbind(-1)
            for column, part in zip(change.states, parts, strict=True):
                columns[column] = part
        return torch.stack(columns, dim=-1) if columns else states

    def between(
        self, before: Float[Tensor, "*b s"], after: Float[Tensor, "*b s"]
    ) -> Float[Tensor, "*b a"]:
        """The actions that lead from one state of the agent to another, bounds aside.

        The inverse of :meth:`moved`; recorded poses become actions with it. Actions that no change
        names are 0.
        """
        actions = before.new_zeros(*before.shape[:-1], len(self))
        for change in self.changes:
            old, new = before[..., change.states], after[..., change.states]
            if change.how == "add":
                action = (new - old) / change.scale
            elif change.how == "rotate":
                from jepakit.rotations import matrix_of_euler, to_euler

                action = to_euler(matrix_of_euler(new) @ matrix_of_euler(old).mT)
            else:
                action = new
            actions[..., change.actions] = action
        return actions

    def to_json(self) -> dict[str, Any]:
        """As stored in manifests and run folders; unbounded states have no bound there."""
        fields = asdict(self)
        for change in fields["changes"]:
            for bound in ("low", "high"):
                if change[bound] in (float("inf"), -float("inf")):
                    del change[bound]
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ActionSpace:
        """The inverse of :meth:`to_json`."""
        lists = {name: tuple(value) for name, value in fields.items() if name != "changes"}
        changes = (StateChange.from_json(change) for change in fields.get("changes", ()))
        return cls(**lists, changes=tuple(changes))


FRANKA = ActionSpace(
    names=("dx", "dy", "dz", "droll", "dpitch", "dyaw", "dgripper"),
    low=(-0.075,) * 3 + (-0.5,) * 3 + (-0.75,),
    high=(0.075,) * 3 + (0.5,) * 3 + (0.75,),
    state_names=("x", "y", "z", "roll", "pitch", "yaw", "gripper"),
    changes=(
        StateChange((0, 1, 2), (0, 1, 2)),
        StateChange((3, 4, 5), (3, 4, 5), how="rotate"),
        StateChange((6,), (6,), low=0.0, high=1.0),
    ),
)
"""The arm of V-JEPA 2-AC: metres, extrinsic xyz Euler angles in rad, gripper closed 0..1."""

PUSH = ActionSpace(
    names=("vx", "vy"),
    low=(-1.0, -1.0),
    high=(1.0, 1.0),
    state_names=("x", "y"),
    changes=(StateChange((0, 1), (0, 1), scale=0.1, low=0.04, high=0.96),),
)
"""The pusher of :mod:`worlds.push`: 0.1 m a step at most along each axis, on a table of 1 m."""
