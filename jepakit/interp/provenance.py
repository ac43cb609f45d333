"""Where activations come from: weights, encoder, transform and data, as hashes that can differ."""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from jepakit.interp.clip_set import ClipSet
from jepakit.nn.vit import VisionTransformer

_SEEN: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[Any, ...], str]] = (
    weakref.WeakKeyDictionary()
)


@dataclass(frozen=True)
class Provenance:
    """What activations were made by and from.

    Attributes:
        model: SHA-256 of the weights, see :func:`model_hash`.
        encoder: what weights do not tell: clips, heads, positions.
        transform: what was done to the clips before the encoder saw them, in words.
        data: SHA-256 of who the clips are, see :func:`data_hash`.
    """

    model: str
    encoder: str
    transform: str
    data: str

    @classmethod
    def of(
        cls, encoder: VisionTransformer, clips: ClipSet, *, transform: str = "none"
    ) -> Provenance:
        """Hash an encoder and its clips."""
        return cls(model_hash(encoder), _describe(encoder), transform, data_hash(clips))

    @property
    def key(self) -> str:
        """16 hexadecimal digits that differ where any field does: a folder's name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def check_same(self, stored: Mapping[str, str], *, where: str) -> None:
        """Refuse to mix.

        Raises:
            ValueError: some fields differ from the ``stored`` ones; all of them are named.
        """
        changed = {
            name: (stored.get(name, "nothing"), value)
            for name, value in asdict(self).items()
            if stored.get(name) != value
        }
        if changed:
            listed = "; ".join(
                f"{name} there is {_short(was)}, here {_short(now)}"
                for name, (was, now) in changed.items()
            )
            raise ValueError(
                f"{where} holds other activations: {listed}. Choose another folder, or delete it."
            )


def model_hash(module: nn.Module) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of a state dict, whatever its order and device.

    Kept until a tensor is written to. Writing through ``.data`` goes unnoticed, as it does in
    autograd.
    """
    state = module.state_dict()
    versions = _versions(state)
    kept = _SEEN.get(module)
    if kept is not None and versions and kept[0] == versions:
        return kept[1]
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    _SEEN[module] = (versions, digest.hexdigest())
    return digest.hexdigest()


def data_hash(clips: ClipSet) -> str:
    """SHA-256 of keys and groups, and of the pixels of the first, the middle and the last clip.

    Reading every clip would take as long as decoding the data set; three show a changed renderer,
    size or order.
    """
    digest = hashlib.sha256(json.dumps([list(clips.keys), list(clips.groups)]).encode())
    for index in sorted({0, len(clips) // 2, len(clips) - 1}):
        frames = clips.frames([index])
        digest.update(f"{frames.dtype} {frames.shape}\n".encode())
        digest.update(frames.tobytes())
    return digest.hexdigest()


def _versions(state: Mapping[str, Tensor]) -> tuple[Any, ...]:
    """What changes when a tensor does; empty where that cannot be told."""
    if any(value.is_inference() for value in state.values()):
        return ()
    return tuple((name, value.data_ptr(), value._version) for name, value in state.items())


def _describe(encoder: VisionTransformer) -> str:
    r = encoder.request
    height, width = r.size
    return (
        f"{type(encoder).__name__}, {r.frames} x {height} x {width}, patch {r.patch}, "
        f"tubelet {r.tubelet}, {len(encoder.blocks)} blocks of {encoder.heads} heads, "
        f"{encoder.position}"
    )


def _short(value: str) -> str:
    is_hash = len(value) == 64 and set(value) <= set("0123456789abcdef")
    return value[:12] if is_hash else repr(value)
