"""Model FLOPs utilisation of a training step, and whether it ever waits for the device.

Run ``python -m bench.utilisation``. With a GPU: the ViT-L/16 recipe (16 frames at 224 x 224) in
bfloat16 with compiled blocks, against the data sheet's peak and against a matrix product timed in
the same process. Without one: the demo's recipe in float32 against a matrix product on the CPU,
which says nothing about the GPU's figure, and the output says so.
"""

from __future__ import annotations

import argparse
import time

import torch

from bench.configured import build_model, masked_batches
from bench.harness import emit, show
from cjepa import CausalJEPA
from jepakit.batch import SceneBatch
from jepakit.training.peak_flops import measured_flops, peak_flops

WARMUP = 5  # compiled parts are built for two token totals before their number is a symbol


def training_step(
    model: CausalJEPA, optimizer: torch.optim.Optimizer, batch: SceneBatch, dtype: torch.dtype
) -> torch.Tensor:
    """Copy, loss, gradients, clipped AdamW step, teacher: what the trainer does."""
    device = next(model.parameters()).device
    moved = batch.to(device, non_blocking=True)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        losses = model.loss(moved)
    losses.total.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    torch.nn.utils.clip_grads_with_norm_(parameters, 1.0, norm)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        for student, teacher in model.ema_pairs():
            torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 0.004)
    return losses.total.detach()


def main() -> None:
    """Time whole steps over batches of different masks; print a table and one line of JSON."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="vitl16_phyre" if gpu else "demo")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20 if gpu else 5)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=gpu)
    parser.add_argument("--sigreg", default="jepakit.losses.SketchedSigReg")
    args = parser.parse_args()
    device = torch.device("cuda" if gpu else "cpu")
    dtype = torch.bfloat16 if gpu else torch.float32

    model = build_model(args.config, sigreg={"class_path": args.sigreg}, intervention="drop")
    model = model.to(device)
    if args.compile:
        model.compile_blocks()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    batches = masked_batches(model, args.batch, count=4)
    if gpu:
        batches = [batch.pin_memory() for batch in batches]
    for number in range(WARMUP):
        training_step(model, optimizer, batches[number % 4], dtype)

    peak, source = peak_flops(device, dtype)
    product = measured_flops(device, dtype)
    if gpu:
        torch.cuda.set_sync_debug_mode("error")  # any wait for the device raises
    start = time.perf_counter()
    flops = 0.0
    for number in range(args.steps):
        training_step(model, optimizer, batches[number % 4], dtype)
        flops += model.flops(batches[number % 4])
    if gpu:
        torch.cuda.set_sync_debug_mode("default")
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    rows = {
        "milliseconds per step": 1e3 * seconds / args.steps,
        "clips per second": args.steps * args.batch / seconds,
        "model TFLOP/s": flops / seconds / 1e12,
        f"peak TFLOP/s ({source})": peak / 1e12,
        "matrix product TFLOP/s (this process)": product / 1e12,
        "utilisation of the peak": flops / seconds / peak,
        "share of the matrix product": flops / seconds / product,
    }
    if gpu:
        rows["peak memory GiB"] = torch.cuda.max_memory_allocated() / 2**30
    title = f"{args.config}, batch {args.batch}, {dtype}, {'GPU' if gpu else 'CPU: no GPU is here'}"
    show(title, ("figure", "value"), list(rows.items()))
    emit("utilisation", {"arguments": vars(args), "host_sync_refused": gpu, **rows})


if __name__ == "__main__":
    main()
