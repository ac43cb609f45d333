"""Makes shards as tasks of Ray Data, on a cluster or on this machine."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from data_prep.engines.carried_error import carried
from data_prep.engines.deaths import Deaths
from data_prep.engines.tally import Tally
from data_prep.progress import ClipProgress
from data_prep.shard_task import Shard, ShardTask

_DEATHS = 10  # per task at a time, in a row, until the job stops


def make_on_ray(
    task: ShardTask,
    shards: Sequence[Shard],
    *,
    workers: int,
    cpus: float,
    gpus: float,
    progress: ClipProgress,
) -> None:
    """Make all shards, one task each; tasks whose process or machine dies are run again by Ray.

    Only shards travel, as their items, and what is known of them when they are done: clips go from
    the task straight to the target, which all machines must reach.

    Args:
        task: how shards are made.
        shards: to make.
        workers: tasks at a time.
        cpus: processors reserved for each.
        gpus: GPUs reserved for each.
        progress: grows when a shard is done.

    Raises:
        ValueError: Ray is missing.
        RuntimeError: workers die again and again; see :class:`Deaths`.
        Exception: what made a shard impossible to write; finished shards are kept.
    """
    if not shards:
        return
    ray = _import_ray()
    total = Tally()
    progress.follow([total])
    with _connection(ray, workers, cpus, gpus):
        ledger = ray.remote(num_cpus=0)(_Ledger).remote(_DEATHS * workers)
        rows = ray.data.from_items(
            [{"shard": pickle.dumps(shard)} for shard in shards], override_num_blocks=len(shards)
        )
        made = rows.map(
            _make,
            fn_kwargs={"task": task, "ledger": ledger, "folder": os.getcwd()},
            num_cpus=cpus,
            num_gpus=gpus,
            compute=ray.data.TaskPoolStrategy(size=workers),
        )
        for row in made.iter_rows():  # which runs the tasks
            if row["error"]:
                raise pickle.loads(row["error"])
            total.made += row["made"]
            total.kept += row["kept"]
            total.clips += row["clips"]


def _make(row: dict[str, Any], *, task: ShardTask, ledger: Any, folder: str) -> dict[str, Any]:
    """The task; ``folder`` is where relative paths begin, if this machine has it."""
    with contextlib.suppress(OSError):
        os.chdir(folder)
    shard, tally, error = pickle.loads(row["shard"]), Tally(), b""
    try:
        watch = _RemoteWatch(shard.name, ledger, tally)
        task.make(shard, watch, watch.start(shard.item_names))
        watch.finish()
    except Exception as failure:
        error = carried(failure)
    return {"made": tally.made, "kept": tally.kept, "clips": tally.clips, "error": error}


class _Ledger:
    """An actor that knows which item each task is at, so that a task run again knows it too."""

    def __init__(self, limit: int) -> None:
        self.deaths = Deaths(limit)
        self.at: dict[str, int] = {}

    def start(self, shard: str, names: list[str]) -> frozenset[int] | str:
        """Items that must not be tried again; or why the job must stop."""
        if shard in self.at:  # begun, never finished: its task died
            try:
                self.deaths.add(shard, self.at[shard], names)
            except RuntimeError as error:
                return str(error)
        self.at[shard] = -1
        return self.deaths.killers(shard)

    def begin(self, shard: str, item: int) -> None:
        """The shard is at this item."""
        self.at[shard] = item

    def finish(self, shard: str) -> None:
        """The shard is written."""
        del self.at[shard]
        self.deaths.finish(shard)


class _RemoteWatch:
    """Notes every item in the ledger before its work begins, and counts here."""

    def __init__(self, shard: str, ledger: Any, tally: Tally) -> None:
        self.shard, self.ledger, self.tally = shard, ledger, tally

    def start(self, names: list[str]) -> frozenset[int]:
        """Note that the shard is begun; returns its items that must not be tried again.

        Raises:
            RuntimeError: too many tasks died.
        """
        killers = self._call(self.ledger.start, self.shard, names)
        if isinstance(killers, str):
            raise RuntimeError(killers)
        return frozenset(killers)

    def begin(self, item: int) -> None:
        """Work on this item of the shard begins."""
        self._call(self.ledger.begin, self.shard, item)
        self.tally.begin(item)

    def add_clip(self) -> None:
        """One more clip is made."""
        self.tally.add_clip()

    def end(self) -> None:
        """The item is done."""
        self.tally.end()

    def keep(self, items: int) -> None:
        """The shard, of so many items, was finished by an earlier run."""
        self.tally.keep(items)

    def finish(self) -> None:
        """The shard is written."""
        self._call(self.ledger.finish, self.shard)

    def _call(self, method: Any, *arguments: Any) -> Any:
        return importlib.import_module("ray").get(method.remote(*arguments))


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        importlib.import_module("ray.data")
    except ImportError as error:
        raise ValueError(
            f"The engine 'ray' needs Ray Data: pip install 'jepakit[cluster]'. ({error})"
        ) from error
    return importlib.import_module("ray")


@contextlib.contextmanager
def _connection(ray: Any, workers: int, cpus: float, gpus: float) -> Iterator[None]:
    """The cluster that the process is connected to or can find, or a new one on this machine.

    Raises:
        ValueError: this machine cannot run a single task.
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray.data.DataContext.get_current().enable_progress_bars = False
    began = not ray.is_initialized()
    if began:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
        try:
            ray.init(address="auto", **options)
        except ConnectionError:
            ray.init(num_cpus=math.ceil(workers * cpus), include_dashboard=False, **options)
            if gpus and not ray.cluster_resources().get("GPU"):
                ray.shutdown()
                raise ValueError("This machine has no GPU for ray to reserve.") from None
    try:
        yield
    finally:
        if began:
            ray.shutdown()
