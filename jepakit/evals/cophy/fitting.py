"""What makes pairs, a task and a run unfit for each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jepakit.batch import BatchRequest
from jepakit.data.schema import ClipFormat
from jepakit.data.shard_reader import ShardReader
from jepakit.evals.cophy.pairs import Pairs, read_pairs
from jepakit.evals.questions.checks import trained_rate
from jepakit.nn.vit import VisionTransformer
from jepakit.protocols import Encoder


def check_fit(form: ClipFormat, request: BatchRequest, data: str) -> None:
    """Refuse clips of another length or size than the model's.

    Raises:
        ValueError: they differ.
    """
    wanted = (request.frames, *request.size)
    if form.shape != wanted:
        raise ValueError(
            f"The run takes clips of {wanted[0]} frames of {wanted[1]}x{wanted[2]} pixels, those "
            f"of {data} have {form.frames} of {form.height}x{form.width}: prepare them with "
            f"--frames {wanted[0]} --size {wanted[1]}."
        )


def pairs_of(reader: ShardReader, task: str) -> dict[str, Pairs]:
    """The pairs of a split, of one task or of ``all``.

    Raises:
        ValueError: no pairs of the task; see :func:`jepakit.evals.cophy.pairs.read_pairs` too.
    """
    found = read_pairs(reader)
    if task == "all":
        return found
    if task not in found:
        raise ValueError(
            f"No pairs of '{task}' in split '{reader.split}' of {reader.path}; it has "
            f"{sorted(found)}."
        )
    return {task: found[task]}


def check_rates(run: Path, found: Mapping[str, Mapping[str, Pairs]]) -> None:
    """Refuse clips at another rate than the run learnt from, as far as its data are at hand.

    Raises:
        ValueError: rates differ between run, training and test pairs.
    """
    rates = {pairs.fps for part in found.values() for pairs in part.values()}
    if len(rates) > 1:
        raise ValueError(f"All pairs must have one rate; they have {sorted(rates)} Hz.")
    learnt = trained_rate(run)
    if learnt is not None and rates and abs(learnt - min(rates)) > 1e-3:
        raise ValueError(
            f"The run was trained on clips of {learnt:g} frames per second, these have "
            f"{min(rates):g}: prepare them with --rate {learnt:g} (cophy_like) or --fps {learnt:g}."
        )


def check_apart(train: Mapping[str, Pairs], test: Mapping[str, Pairs]) -> None:
    """Refuse pairs that are to be learnt from and judged on.

    Raises:
        ValueError: a pair is on both sides, or there is none.
    """
    sides = [{name for pairs in side.values() for name in pairs.names} for side in (train, test)]
    shared = sorted(sides[0] & sides[1])
    if shared:
        raise ValueError(
            f"Training and test must not share pairs; {len(shared)} are on both sides, such as "
            f"'{shared[0]}'."
        )


def trainable(encoder: Encoder, run: Path) -> VisionTransformer:
    """The encoder as a network that gradients pass through.

    Raises:
        ValueError: it is of another kind.
    """
    if not isinstance(encoder, VisionTransformer):
        raise ValueError(
            f"The encoder of {run} is a {type(encoder).__name__}, which cannot be fine-tuned here; "
            "use --mode frozen."
        )
    return encoder
