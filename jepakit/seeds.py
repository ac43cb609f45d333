"""Seeds derived from names, so that every random draw can be repeated on its own."""

from __future__ import annotations

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part and on their order.

    ``derive_seed(run_seed, epoch, sample_key)`` is the seed of one sample's masks: the same in a
    resumed run, on any rank and in any worker. Unlike ``hash`` it does not change between
    processes; unlike a sum of the parts, neighbouring values give unrelated streams.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*parts: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A ``torch.Generator`` seeded with :func:`derive_seed` of ``parts``."""
    return torch.Generator(device=device).manual_seed(derive_seed(*parts))
