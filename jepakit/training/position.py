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
    from it, in the form Lightning itself saves in ``on_train_batch_end``. A validation that fell on
    the saved step is not repeated: checkpoints are written after it.

    Training is one endless epoch, number 0.
    """
    step = int(checkpoint["global_step"])
    batches = step * accumulate_grad_batches
    loop = checkpoint["loops"]["fit_loop"]
    seen = {"ready": batches, "started": batches, "processed": batches, "completed": batches - 1}
    epoch = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    none = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
    loop["epoch_progress"] = {"total": dict(epoch), "current": dict(epoch)}
    loop["epoch_loop.batch_progress"] = {
        "total": dict(seen),
        "current": dict(seen),
        "is_last_batch": False,
    }
    loop["epoch_loop.val_loop.batch_progress"] = {
        "total": dict(none),
        "current": dict(none),
        "is_last_batch": False,
    }
    loop["epoch_loop.state_dict"] = {"_batches_that_stepped": step - 1}
    optimizer = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]
    for counter in optimizer["step"].values():
        counter.update(ready=step, completed=step)
