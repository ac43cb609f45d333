"""A trace that is killed, at any moment, ends with the bytes of one that is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from traced_clips import clips, encoder

from jepakit.interp import activation_store
from jepakit.interp.activation_store import ActivationStore
from jepakit.interp.traces import trace

POOLS = ("mean", "time_mean")
CHILD = """
import sys, time
from pathlib import Path
from traced_clips import clips, encoder
from jepakit.interp import activation_store, traces

activation_store.FLUSH_S = 0.0
read = traces.read_pools
def slowly(*given):
    time.sleep(0.005)
    return read(*given)
traces.read_pools = slowly
print("go", flush=True)
pools, store = ("mean", "time_mean"), Path(sys.argv[1])
traces.trace(encoder(), clips(40), store=store, pools=pools, batch_size=3)
"""


class Killed(BaseException):
    pass


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    trace(encoder(), clips(40), store=folder, pools=POOLS, batch_size=3)
    return content(folder)


def stopped_at(step: int, folder: Path, patch: pytest.MonkeyPatch) -> bool:
    """Leave a trace at the n-th write, row copy, mark or file; whether there was one."""
    left = [step]

    def counted(name: str, owner: object) -> None:
        call = getattr(owner, name)

        def wrapped(*args: object, **named: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*args, **named)

        patch.setattr(owner, name, wrapped)

    counted("create_zeros", activation_store)
    counted("flush", activation_store.np.memmap)
    counted("write", ActivationStore)
    patch.setattr(activation_store, "FLUSH_S", 0.0)
    try:
        trace(encoder(), clips(40), store=folder, pools=POOLS, batch_size=3)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("step", [0, 1, 5, 19, 20, 21, 30, 47, 100, 160])
def test_left_at_a_step_and_resumed(
    step: int, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert stopped_at(step, tmp_path, patch)
    trace(encoder(), clips(40), store=tmp_path, pools=POOLS, batch_size=3)
    assert content(tmp_path) == uninterrupted


@pytest.mark.slow
def test_killed_and_resumed_until_it_ends(tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    """SIGKILL after 40, 80, ... ms of work, until a process reaches the end."""
    environment = dict(
        os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path])
    )
    counts = []
    for kill in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.04 + 0.04 * kill)
        child.send_signal(signal.SIGKILL)
        ended = child.wait()
        child.stdout.close()
        if (tmp_path / "acts" / "norm" / "mean.done.npy").exists():
            counts.append(ActivationStore(tmp_path).done("norm", "mean"))
        if ended == 0:
            break
    assert any(0 < count < 40 for count in counts)
    assert counts == sorted(counts)
    trace(encoder(), clips(40), store=tmp_path, pools=POOLS, batch_size=3)
    assert content(tmp_path) == uninterrupted
