"""SAM 2 from a folder of weights: masks all over one frame, and masks followed through a clip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor

from data_prep.masks.networks import NetworkError, optional_module
from data_prep.masks.segmenter import Proposals

MODEL_TYPE = "sam2_video"
BOX_NMS = 0.7  # IoU of boxes above which of two proposals the surer one stays; as Segment Anything


class Sam2Network:
    """SAM 2 or 2.1, Ravi et al. 2024, as ``transformers`` computes it.

    Computes in bfloat16 on a GPU, in float32 on a CPU.

    Args:
        folder: ``config.json``, ``model.safetensors`` and the processor's configuration.
        device: ``cpu`` or ``cuda``.

    Raises:
        NetworkError: ``transformers`` is missing, or the folder holds no whole SAM 2.
    """

    def __init__(self, folder: Path, *, device: str) -> None:
        video_package = optional_module("transformers.models.sam2_video", "sam2")
        image_package = optional_module("transformers.models.sam2", "sam2")
        check_folder(folder)
        with _quiet():
            self._processor = _load(video_package.Sam2VideoProcessor, folder)
            self._video = _load_weights(video_package.Sam2VideoModel, folder).to(device)
            self._image = _load_weights(image_package.Sam2Model, folder)
        _check_sizes(folder, self._processor, self._video.config.image_size)
        # The same network in both, and nearly all of each: it need not lie in memory twice.
        self._image.vision_encoder = self._video.vision_encoder
        self._image.to(device)
        self._device = device

    @torch.inference_mode()
    def propose(
        self,
        frame: UInt8[ndarray, "h w 3"],
        *,
        points_per_side: int,
        points_per_batch: int,
        pred_iou_thresh: float,
        stability_score_thresh: float,
    ) -> Proposals:
        """Masks of a frame from a grid of points, each of which prompts three."""
        images, size = self._processor.image_processor, frame.shape[:2]
        pixels = images(images=frame, return_tensors="pt")["pixel_values"].to(self._device)
        kept = []
        with self._precision():
            embeddings = self._image.get_image_embeddings(pixels)
            points = _grid(points_per_side, pixels.shape[-2:]).to(self._device)
            for some in points.split(points_per_batch):
                found = self._image(
                    image_embeddings=embeddings,
                    input_points=some[None, :, None],
                    input_labels=torch.ones_like(some[None, :, None, 0], dtype=torch.int64),
                )
                (logits,) = images.post_process_masks(
                    found.pred_masks.float(), [size], binarize=False
                )
                scores, whole = found.iou_scores[0].float(), torch.tensor([0, 0, *size[::-1]])
                kept.append(
                    images.filter_masks(
                        logits, scores, size, whole, pred_iou_thresh, stability_score_thresh
                    )
                )
        return self._distinct(kept, *size)

    def _distinct(self, kept: list[Any], height: int, width: int) -> Proposals:
        """Proposals of all points, without those that a surer one duplicates."""
        coded, scores, boxes = zip(*kept, strict=True)
        masks, scores, _, _ = self._processor.image_processor.post_process_for_mask_generation(
            [mask for some in coded for mask in some], torch.cat(scores), torch.cat(boxes), BOX_NMS
        )
        if not masks:
            return Proposals.none(height, width)
        return Proposals(
            torch.stack(masks).numpy(), scores.cpu().numpy().astype(float).clip(0.0, 1.0)
        )

    @torch.inference_mode()
    def follow(
        self, frames: UInt8[ndarray, "t h w 3"], masks: Bool[ndarray, "k h w"], start: int
    ) -> Float[Tensor, "k t h2 w2"]:
        """Follow masks of frame ``start`` to both ends of a clip.

        Returns:
            Logits in the network's own size; above 0 is the object. On the CPU, float32.
        """
        processor, ids = self._processor, range(1, len(masks) + 1)
        logits: list[Any] = [None] * len(frames)
        with self._precision():
            session = processor.init_video_session(list(frames), inference_device=self._device)
            processor.add_inputs_to_inference_session(
                session, frame_idx=start, obj_ids=list(ids), input_masks=list(masks)
            )
            for reverse in (False, True):
                for found in self._video.propagate_in_video_iterator(
                    session, start_frame_idx=start, reverse=reverse
                ):
                    assert found.object_ids == list(ids), found.object_ids
                    logits[found.frame_idx] = found.pred_masks[:, 0].float().cpu()
        return torch.stack(logits, dim=1)

    def masks(
        self, logits: Float[Tensor, "k h2 w2"], height: int, width: int
    ) -> Bool[ndarray, "k h w"]:
        """Masks of one frame in its own size; a pixel belongs to the object of greatest logit."""
        (masks,) = self._processor.post_process_masks(
            [logits[:, None]], [(height, width)], apply_non_overlapping_constraints=True
        )
        return masks[:, 0].numpy()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device, torch.bfloat16, enabled=self._device == "cuda")


def check_folder(folder: Path) -> None:
    """Check that a folder holds the parts of a SAM 2; its weights are not looked at.

    Raises:
        NetworkError: it does not.
    """
    expected = (
        f"Expected a folder with config.json (model_type '{MODEL_TYPE}'), model.safetensors and a "
        "processor_config.json or preprocessor_config.json: SAM 2.1 as published for transformers"
    )
    if not folder.is_dir():
        raise NetworkError(f"{folder} is no folder. {expected}.")
    names = sorted(file.name for file in folder.iterdir())
    if not {"config.json", "model.safetensors"} <= set(names):
        raise NetworkError(f"{folder} holds {', '.join(names[:6]) or 'nothing'}. {expected}.")
    try:
        kind = json.loads((folder / "config.json").read_bytes())["model_type"]
    except (ValueError, LookupError, TypeError) as error:
        raise NetworkError(f"{folder}/config.json is no configuration: {error}.") from error
    if kind != MODEL_TYPE:
        raise NetworkError(f"{folder} holds a network of type {kind!r}. {expected}.")


def _check_sizes(folder: Path, processor: Any, seen: int) -> None:
    for part in (processor.image_processor, processor.video_processor):
        if (part.size.height, part.size.width) != (seen, seen):
            raise NetworkError(
                f"The network in {folder} sees pictures of {seen} pixels, but its processor makes "
                f"them {part.size.height}x{part.size.width}: they are not of one SAM 2."
            )


def _grid(side: int, size: tuple[int, int]) -> Float[Tensor, "n 2"]:
    """Centres (x, y) of ``side * side`` equal parts of a picture of this size, in pixels."""
    centres = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack((columns * size[1], rows * size[0]), dim=-1).flatten(0, 1)


def _load(kind: Any, folder: Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # damaged files raise anything
        raise NetworkError(
            f"{folder} does not load as {kind.__name__}: {type(error).__name__}: {error}"
        ) from error


def _load_weights(kind: Any, folder: Path) -> Any:
    network, report = _load(
        kind, folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise NetworkError(
            f"{folder} lacks {len(missing)} tensors of {kind.__name__}, among them {missing[0]}; "
            "they would be random."
        )
    return network.eval().requires_grad_(requires_grad=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and remarks while weights are loaded, as in every worker process."""
    logging = optional_module("transformers.utils.logging", "sam2")
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
