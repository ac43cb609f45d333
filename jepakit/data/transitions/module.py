"""The data module of episodes: windows with the actions between their frames."""

from __future__ import annotations

from typing import Literal

from jepakit.batch import BatchRequest
from jepakit.data.faults import FaultLedger
from jepakit.data.order import Order
from jepakit.data.shard_reader import ShardReader
from jepakit.data.stream import Opened, StreamDataModule, Which
from jepakit.data.transitions.dataset import TransitionBatches
from jepakit.data.transitions.episodes import check_actions
from jepakit.data.transitions.features import CachedFeatures
from jepakit.data.transitions.windows import Windows


class TransitionDataModule(StreamDataModule):
    """Windows of episodes from shards, for training and validation of models of dynamics.

    In training each visited episode gives ``windows_per_episode`` different windows at random; in
    validation as many, evenly spread: a single one lies in the middle. For the endless stream and
    its exact resume see :class:`jepakit.data.stream.StreamDataModule`; a sample is an episode.

    The model gives ``request`` (frames of a window, size in pixels) and ``actions`` (an
    ActionSpace), which must be those of the data; with cached features also ``encoder_sha256``.

    Args:
        train: folder or remote prefix of the training shards.
        val: the same for validation (it may be the same folder); None validates nothing.
        batch_size: windows per rank and micro-batch.
        windows_per_episode: windows taken from an episode each time that it is decoded; must divide
            the batch size. More are faster, since decoding dominates, and less different.
        workers: decoding processes per rank.
        seed: of the order and of windows.
        splits: names of the training and the validation split in the manifests.
        window: shards per shuffling window; 0 shuffles all episodes. Use about 16 for remote
            shards.
        last: what happens to episodes that fill no global batch at the end of an epoch (see
            Dealer).
        features: folder of latents that a frozen encoder made of these shards (see
            jepakit.data.transitions.features); frames are then not read.
        val_features: the same of the validation shards; by default ``features``, where both splits
            lie in one folder.
        bad_sample_budget: share of damaged episodes that are skipped before the run stops.
    """

    def __init__(
        self,
        train: str,
        *,
        val: str | None = None,
        batch_size: int = 32,
        windows_per_episode: int = 1,
        workers: int = 0,
        seed: int = 0,
        splits: tuple[str, str] = ("train", "val"),
        window: int = 0,
        last: Literal["carry", "drop", "pad"] = "carry",
        features: str | None = None,
        val_features: str | None = None,
        bad_sample_budget: float = 0.001,
    ) -> None:
        super().__init__(
            validates=val is not None,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            window=window,
            last=last,
            rows_per_sample=windows_per_episode,
        )
        self.train, self.val = train, val
        self.splits = splits
        self.features = {"train": features, "val": val_features or features}
        self.bad_sample_budget = bad_sample_budget

    def open(self, which: Which) -> Opened:
        """Open the shards of a split and hold them against what the model takes."""
        path = self.train if which == "train" or self.val is None else self.val
        reader = ShardReader(path, split=self.splits[which == "val"])
        request = self.model.request
        check_actions(reader.manifest.description, self.model.actions, path)
        folder = self.features[which]
        features = None
        if folder is not None:
            features = CachedFeatures(folder, reader, encoder=self.model.encoder_sha256)
        if features is None:
            check_pixels(reader, request)
        windows = Windows(
            reader.form.frames,
            request.frames,
            count=self.rows_per_sample,
            seed=self.seed,
            random=which == "train",
        )

        def batches(order: Order, allowed: int) -> TransitionBatches:
            return TransitionBatches(
                reader,
                order=order,
                request=request,
                windows=windows,
                features=features,
                seed=self.seed,
                allowed=allowed,
            )

        return Opened(
            reader.sizes,
            reader.manifest.fingerprint,
            batches,
            lambda: FaultLedger(len(reader), self.bad_sample_budget),
        )


def check_pixels(reader: ShardReader, request: BatchRequest) -> None:
    """Hold the stored frames against what a model takes.

    Raises:
        ValueError: frames of another size, or label maps or counterfactuals.
    """
    if request.labels or request.counterfactual:
        raise ValueError(
            "The model asks for label maps or re-simulated clips; windows of episodes carry frames,"
            " actions and states. Use an intervention that needs neither, or SceneDataModule."
        )
    stored = reader.form.height, reader.form.width
    if request.size != stored:
        raise ValueError(
            f"The model takes {request.size[0]}x{request.size[1]} pixels, the episodes of "
            f"{reader.path} are {stored[0]}x{stored[1]}. Prepare the data in the model's size."
        )
