"""What a removal truly does to the other objects: by the contacts, and by what is seen."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from jepakit.evals.removals.removal_clips import RemovalClip
from worlds.causality import causal_descendants
from worlds.scenes import SceneClip, sample, simulate

CHANGED = 0.05  # share of an object's pixels; below, a rounding of its outline could do it


class CausalTruth:
    """The true causal descendants of each object of a clip.

    A stored contact log knows neither joints nor what objects touch only once something is gone.
    So a designed scene is rebuilt from its layout and seed and played again, with and without the
    object, and the logs are joined; any other clip has its stored log alone.

    Args:
        clip: the clip.

    Raises:
        ValueError: the rebuilt scene does not move as the stored one did.
    """

    def __init__(self, clip: RemovalClip) -> None:
        self.clip = clip
        self.replay = _replayed(clip)

    @property
    def complete(self) -> bool:
        """Whether joints and the contacts of the second simulation are known too."""
        return self.replay is not None

    def reached(self, identity: int) -> set[int] | None:
        """Ids that the removal of an object reaches while the clip lasts; None without contacts."""
        static = {i + 1 for i in np.flatnonzero(~self.clip.movable).tolist()}
        joints: list[tuple[int, int]] = []
        contacts = self.clip.contacts
        if self.replay is not None:
            scene = self.replay.designed.scene
            ids = [body.identity for body in scene.bodies]
            joints = [(ids[joint.a], ids[joint.b]) for joint in scene.joints]
            other = self.replay.without(identity)
            contacts = np.concatenate([self.replay.contacts, other.contacts])
        if contacts is None:
            return None
        first = causal_descendants(contacts, identity, static=static, joints=joints)
        return {i for i, step in first.items() if step <= self.clip.steps}


def visible_change(clip: RemovalClip, identity: int) -> Float[np.ndarray, " k"]:
    """How differently each object is seen without another: ``|A xor B| / |A or B|``, over frames.

    ``A`` and ``B`` are its pixels in the two clips, without the pixels that the removed object
    covered, since what it hid comes into view without any change. 0 for what is seen in neither.
    """
    seen = clip.labels != identity
    before, after = clip.labels[seen], clip.without[identity].labels[seen]
    count = len(clip.coverage) + 1
    both = np.bincount(before[before == after], minlength=count)
    total = np.bincount(before, minlength=count) + np.bincount(after, minlength=count) - both
    share = np.divide(total - both, total, out=np.zeros(count), where=total > 0)
    return share[1:]


def _replayed(clip: RemovalClip) -> SceneClip | None:
    details = clip.details
    if not {"layout", "scene_seed"} <= set(details) or clip.states is None:
        return None
    designed = sample(details["layout"], details["scene_seed"])
    replay = simulate(designed, frames=len(clip.states), rate=clip.fps, size=_side(clip.labels))
    same = replay.states.shape == clip.states.shape
    if not same or not np.allclose(replay.states, clip.states, atol=1e-3):
        raise ValueError(
            f"Clip '{clip.key}' does not move as scene {details['layout']} {details['scene_seed']} "
            "does today, so its contacts cannot be told; prepare the data set again."
        )
    return replay


def _side(labels: UInt8[np.ndarray, "t h w"]) -> int:
    return int(labels.shape[1])
