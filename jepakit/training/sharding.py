"""Parameters, gradients and optimizer state split over the ranks (FSDP2), block by block."""

from __future__ import annotations

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from jepakit.nn.block import Block


def shard(module: nn.Module, mesh: DeviceMesh) -> None:
    """Give every rank of ``mesh`` its part of the parameters; a second call does nothing.

    Each transformer block is gathered when its turn comes and let go after it. What is left of an
    encoder or predictor (embeddings, norms, heads) stays gathered until the backward pass is done.
    Teachers are split like their students, so that the moving average needs no communication, and
    let go of everything after a forward pass: no backward pass comes to do it for them, and they
    would go on with the weights of their first step.
    """
    for part in module.children():
        if not any(True for _ in part.parameters()) or _is_sharded(part):
            continue
        for block in part.modules():
            if isinstance(block, Block):
                fully_shard(block, mesh=mesh)
        trained = any(parameter.requires_grad for parameter in part.parameters())
        fully_shard(part, mesh=mesh, reshard_after_forward=not trained)


def _is_sharded(module: nn.Module) -> bool:
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())
