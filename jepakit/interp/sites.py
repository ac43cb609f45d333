"""Which activations a trace reads: names, short forms, widths, and where the model can be cut."""

from __future__ import annotations

from collections.abc import Sequence

from jepakit.nn.stretch import block_prefix, stream_names
from jepakit.nn.vit import VisionTransformer


def resolve_sites(encoder: VisionTransformer, sites: str | Sequence[str]) -> tuple[str, ...]:
    """Full names in the order in which they are computed, each once.

    Args:
        encoder: whose activations.
        sites: names, numbers of blocks (``"7"`` is ``blocks.07.out``), or ``"all"``: the residual
            stream at ``embed``, after every block, and ``norm``.

    Raises:
        ValueError: none, or some that the encoder does not have; those it has are listed.
    """
    depth = len(encoder.blocks)
    named = [sites] if isinstance(sites, str) else list(sites)
    wanted: set[str] = set()
    for name in named:
        if name == "all":
            wanted.update(stream_names(depth))
        else:
            wanted.add(f"{block_prefix(int(name))}out" if name.isdecimal() else name)
    unknown = sorted(wanted - set(encoder.names))
    if unknown or not wanted:
        raise ValueError(
            f"{f'Unknown activations {unknown}' if unknown else 'No activations were named'}; the "
            f"encoder has {', '.join(stream_names(depth))}, and in each block q, k, v, attn, "
            f"mlp.hidden and mlp ({block_prefix(0)}attn). 'all' means the former, a number the "
            "output of a block."
        )
    return tuple(name for name in encoder.names if name in wanted)


def site_width(encoder: VisionTransformer, site: str) -> int:
    """``d`` of an activation."""
    if site.endswith("mlp.hidden"):
        return round(encoder.width * encoder.mlp_ratio)
    return encoder.width


def last_point(sites: Sequence[str]) -> str:
    """Where a pass that reads ``sites`` (in order) can be cut: the stream after the last one."""
    last = sites[-1]
    if not last.startswith("blocks."):
        return last
    return ".".join([*last.split(".")[:2], "out"])


def grid_of(encoder: VisionTransformer, frames: int) -> tuple[int, int, int]:
    """Tubelets, rows and columns of clips of this many frames: one tubelet for a still image."""
    tubelets, rows, columns = encoder.grid
    return (1 if encoder.images and frames == 1 else tubelets, rows, columns)
