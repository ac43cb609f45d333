"""Where a resumed run continues, written into Lightning's loop state."""

from __future__ import annotations

from typing import Any


def reposition(checkpoint: dict[str, Any], accumulate_grad_batches: int) -> None:
    """Set the loop counters of a checkpoint to the end of its last optimizer step.

    Lightning (2.6) restores its counters as they were at the moment of saving. That is wrong after
    a stop between two accumulated micro-batches (the next optimizer step would be taken too early,
    with part of its gradient missing), and after a change of ``accumulate_grad_batches``. The
    optimizer step is the only truth: data order, schedules and random numbers are functions of it,
    and gradients of a half-accumulated step were lost with the process. So all counters are derived
    from it.

    Checkpoints are written after the validation of their step, which is therefore not repeated,
    except where the signal to stop came in the middle of it.

    Training is one endless epoch, number 0.
    """
    step = int(checkpoint["global_step"])
    batches = step * accumulate_grad_batches
    loop = checkpoint["loops"]["fit_loop"]
    validation = loop["epoch_loop.val_loop.batch_progress"]
    broken_off = validation["current"]["ready"] > 0 and not validation["is_last_batch"]
    # Lightning takes "processed but not completed" for a checkpoint of on_train_batch_end whose
    # validation is over, and the same of a validation batch for one to run again from its start.
    loop["epoch_loop.batch_progress"] = _progress(batches, completed=batches - (not broken_off))
    begun = int(broken_off)
    loop["epoch_loop.val_loop.batch_progress"] = _progress(begun, processed=0, completed=0)
    loop["epoch_progress"] = _progress(1, processed=0, completed=0)
    loop["epoch_loop.state_dict"] = {"_batches_that_stepped": step - 1}
    optimizer = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]
    for counter in optimizer["step"].values():
        counter.update(ready=step, completed=step)


def _progress(count: int, **differing: int) -> dict[str, Any]:
    """Counters of events that are all in the same state, but for the stages in ``differing``."""
    stages = ("ready", "started", "processed", "completed")
    counters = {stage: differing.get(stage, count) for stage in stages}
    return {"total": counters, "current": dict(counters), "is_last_batch": False}
