"""Compiled parts run in a process of their own: run-time shape checks cannot be compiled."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import copy, json
import torch
from torch._dynamo.utils import counters
from jepakit.batch import Packing
from jepakit.nn import Block, VisionTransformer

torch.manual_seed(0)
eager = VisionTransformer(32, depth=3, heads=2, frames=4, size=32, patch=8)
for parameter in eager.parameters():
    torch.nn.init.normal_(parameter, std=0.1)
model = copy.deepcopy(eager)
model.compile_blocks({backend!r})
graphs, worst = [], 0.0
for step in range(6):
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3)).byte()
    packing = Packing.from_mask(torch.rand(3, 32) < 0.1 + 0.15 * step)
    outs = [m(frames, packing).tokens for m in (eager, model)]
    weight = torch.randn_like(outs[0])
    grads = [
        torch.autograd.grad((out * weight).sum(), list(m.parameters()))
        for out, m in zip(outs, (eager, model))
    ]
    worst = max(worst, (outs[0] - outs[1]).abs().max().item())
    scales = [max(1.0, a.abs().max().item()) for a in grads[0]]
    for a, b, scale in zip(*grads, scales):
        worst = max(worst, (a - b).abs().max().item() / scale)
    graphs.append(counters["stats"]["unique_graphs"])

cross = Block(32, 2, cross=True)
inputs = [torch.randn(n, 32) for n in (9, 12)]
packings = [Packing.full(3, n // 3) for n in (9, 12)]
given = dict(context=inputs[1], context_packing=packings[1])
expected = cross(inputs[0], packings[0], **given)
cross.compile_parts({backend!r})
worst = max(worst, (cross(inputs[0], packings[0], **given) - expected).abs().max().item())

torch._dynamo.reset()
teacher = copy.deepcopy(model)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.zero_()
    frames = torch.zeros(1, 4, 32, 32, 3, dtype=torch.uint8)
    apart = (teacher(frames).tokens - eager(frames).tokens).abs().max().item()
breaks = sum(counters["graph_break"].values())
print(json.dumps({{"graphs": graphs, "worst": worst, "apart": apart, "breaks": breaks}}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_equals_eager_and_random_lengths_do_not_recompile(backend: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM.format(backend=backend))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["worst"] < 1e-4
    assert seen["apart"] < 1e-4  # a copy of a compiled model runs its own weights
    assert seen["breaks"] == 0
    # One graph for each of the two parts, however many blocks and lengths there are.
    assert seen["graphs"][-1] - seen["graphs"][0] <= 2
    assert seen["graphs"][-1] <= 4
