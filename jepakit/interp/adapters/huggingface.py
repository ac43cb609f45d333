"""Sites of Hugging Face's I-JEPA, V-JEPA 2, MAE and BEiT."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from jepakit.interp.adapters.hooked import HookedEncoder, Place, Skeleton, Triple
from jepakit.nn.patches import IMAGENET_MEAN, IMAGENET_STD

HALF: Triple = (0.5, 0.5, 0.5)
"""Mean and deviation that BEiT was trained with."""

MLP = {"mlp_hidden": Place("mlp.fc2", entering=True), "mlp": Place("mlp.fc2")}
IMAGE_PLACES = MLP | {
    "q": Place("attention.q_proj"),
    "k": Place("attention.k_proj"),
    "v": Place("attention.v_proj"),
    "attn": Place("attention.o_proj"),
}
VIDEO_PLACES = MLP | {
    "q": Place("attention.query"),
    "k": Place("attention.key"),
    "v": Place("attention.value"),
    "attn": Place("attention.proj"),
}


class IJepaEncoder(HookedEncoder):
    """An ``IJepaModel``: images as clips of one frame, no class token."""

    def __init__(
        self,
        model: Any,
        *,
        name: str = "I-JEPA",
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
    ) -> None:
        """Wrap an ``IJepaModel``, see :class:`HookedEncoder`."""
        super().__init__(model, _images(model), name=name, mean=mean, std=std)

    def _embed(self, pixels: Tensor) -> Tensor:
        return self.model.embeddings(pixels.squeeze(1))  # type: ignore[operator]

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return block(x)


class MaeEncoder(HookedEncoder):
    """A ``ViTMAEModel`` that keeps every patch in its place: mask ratio 0, no shuffling.

    The encoder shuffles patches by the order of random noise even where it masks none. Rising
    noise leaves them where they are, which equals undoing ``ids_restore`` after a shuffled run.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str = "MAE",
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
    ) -> None:
        """Wrap a ``ViTMAEModel``, see :class:`HookedEncoder`; its ``mask_ratio`` is left alone."""
        super().__init__(model, _images(model, prefix=1), name=name, mean=mean, std=std)

    def _embed(self, pixels: Tensor) -> Tensor:
        tokens = self.grid[1] * self.grid[2]
        noise = torch.arange(tokens, device=pixels.device).float().expand(len(pixels), tokens)
        embeddings: Any = self.model.embeddings
        ratio, embeddings.config.mask_ratio = embeddings.config.mask_ratio, 0.0
        try:
            x, _, _ = embeddings(pixels.squeeze(1), noise=noise)
        finally:
            embeddings.config.mask_ratio = ratio
        return x

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return block(x)


class BeitEncoder(HookedEncoder):
    """A ``BeitModel``; the class token stands apart.

    Where it is pooled by the mean (the default) it has no last norm: ``final`` is the stream.
    """

    def __init__(
        self, model: Any, *, name: str = "BEiT", mean: Triple = HALF, std: Triple = HALF
    ) -> None:
        """Wrap a ``BeitModel``, see :class:`HookedEncoder`."""
        super().__init__(model, _images(model, prefix=1), name=name, mean=mean, std=std)

    def _embed(self, pixels: Tensor) -> Tensor:
        return self.model.embeddings(pixels.squeeze(1))  # type: ignore[operator]

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        shared: Any = self.model.shared_position_bias
        bias = None if shared is None else shared(self.grid[1:])
        return block(x, attention_mask=bias, resolution=self.skeleton.size)


class VJepa2Encoder(HookedEncoder):
    """The encoder of a ``VJEPA2Model``.

    Frames are of ``crop_size``: at any other its rotary positions are silently wrong.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str = "V-JEPA 2",
        frames: int | None = None,
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
    ) -> None:
        """Wrap a ``VJEPA2Model``, see :class:`HookedEncoder`.

        Args:
            model: the model.
            name: in tables.
            frames: of a clip; as it was trained by default.
            mean: of the pixels 0..1, per channel.
            std: of the pixels 0..1, per channel.

        Raises:
            ValueError: frames that are no whole number of tubelets.
        """
        config = model.config
        frames = config.frames_per_clip if frames is None else frames
        if frames < 1 or frames % config.tubelet_size:
            raise ValueError(
                f"frames must be a positive multiple of {config.tubelet_size}, came {frames}."
            )
        side = config.crop_size // config.patch_size
        skeleton = Skeleton(
            blocks=tuple(model.encoder.layer),
            norm=model.encoder.layernorm,
            places=VIDEO_PLACES,
            frames=frames,
            size=(config.crop_size, config.crop_size),
            grid=(frames // config.tubelet_size, side, side),
            width=config.hidden_size,
        )
        super().__init__(model, skeleton, name=name, mean=mean, std=std)

    def _embed(self, pixels: Tensor) -> Tensor:
        return self.model.encoder.embeddings(pixels)  # type: ignore[operator,union-attr]

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return block(x)[0]


FAMILIES: dict[str, Callable[..., HookedEncoder]] = {
    "IJepaModel": IJepaEncoder,
    "ViTMAEModel": MaeEncoder,
    "BeitModel": BeitEncoder,
    "VJEPA2Model": VJepa2Encoder,
}
"""Adapters by the name of the class that they are for, which needs no import of it."""


def load_huggingface(source: str, **options: Any) -> HookedEncoder:
    """A pretrained model from a folder or, where the network allows, by name.

    Args:
        source: folder with ``config.json`` and weights, or a name such as
            ``facebook/ijepa_vith14_1k``.
        options: of the adapter.

    Raises:
        ValueError: transformers is not installed, or the model is of another family.
    """
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise ValueError(
            "Models of Hugging Face need the package transformers: pip install 'transformers>=5.0'."
        ) from error
    model = AutoModel.from_pretrained(source)
    family = FAMILIES.get(type(model).__name__)
    if family is None:
        raise ValueError(f"{source} is a {type(model).__name__}; adapters are for {[*FAMILIES]}.")
    return family(model, **options)


def _images(model: Any, *, prefix: int = 0) -> Skeleton:
    """What the image models of transformers 5 have in common."""
    if not hasattr(model, "layers"):
        raise ValueError(
            f"This {type(model).__name__} has no layers, as those of transformers 5 have: pip "
            "install 'transformers>=5.0'."
        )
    patches = model.embeddings.patch_embeddings
    height, width = _pair(patches.image_size)
    patch = _pair(patches.patch_size)
    return Skeleton(
        blocks=tuple(model.layers),
        norm=model.layernorm,
        places=IMAGE_PLACES,
        frames=1,
        size=(height, width),
        grid=(1, height // patch[0], width // patch[1]),
        width=model.config.hidden_size,
        prefix_tokens=prefix,
    )


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
