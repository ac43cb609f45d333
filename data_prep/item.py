"""What data jobs are made of: an input that gives clips, and what is said of one that fails."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from jepakit.data.members import EncodedSample, encode_sample
from jepakit.data.schema import ClipFormat, Sample
from jepakit.data.shard_writer import Reject

# The program is wrong or incomplete, or the network is down.
_OUTSIDE = (
    ImportError,
    NameError,
    NotImplementedError,
    ConnectionAbortedError,
    ConnectionRefusedError,
    ConnectionResetError,
    TimeoutError,
)
# The machine is full, or a file system or the network went away: the input may be sound.
_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
}
# What torch raises when a GPU is out of memory or lost, by name: jobs need no torch.
_DEVICE = {"OutOfMemoryError", "AcceleratorError"}


class Item(Protocol):
    """One input, which gives clips. Items travel to worker processes."""

    @property
    def name(self) -> str:
        """Says which, and with the description of the data set determines every byte."""

    def make(self, form: ClipFormat) -> Iterable[Sample]:
        """Its clips, made one by one as they are asked for."""


def make_clips(item: Item, form: ClipFormat, *, root: str = "") -> Iterator[EncodedSample | Reject]:
    """The clips of an item, then why there are no more if it failed or gave none.

    Args:
        item: the input.
        form: shape and coding of the clips.
        root: where the inputs lie on this machine, which the reason does not repeat.

    Raises:
        FileNotFoundError: the item failed, and ``root`` is not there.
        Exception: the item failed for a reason that is not its own; see :func:`is_damage`.
    """
    clips = 0
    try:
        for sample in item.make(form):
            encoded = encode_sample(sample, form)
            clips += 1
            yield encoded
    except Exception as error:
        if not is_damage(error):
            raise
        if root and "://" not in root and not Path(root).exists():
            raise FileNotFoundError(
                f"The inputs in {root} cannot be seen from this machine any more, or never could; "
                f"'{item.name}' is not to blame."
            ) from error
        after = f" (after {clips} clips)" if clips else ""
        yield Reject(item.name, f"{type(error).__name__}: {_steady(str(error), root)}{after}")
    else:
        if not clips:
            yield Reject(item.name, "no clips")


def is_damage(error: Exception) -> bool:
    """Whether an error in reading or making a clip is to be blamed on the input.

    Decoders of broken files raise anything: ``EOFError``, ``SyntaxError`` and ``struct.error`` from
    libraries, ``TypeError`` and ``AttributeError`` from JSON of another shape, ``MemoryError`` from
    a header that states a huge size. So all is damage, except what says that something is wrong
    with the program, the machine (its disk, its GPU) or the network, also as the stated cause.
    """
    if isinstance(error, _OUTSIDE) or type(error).__name__ in _DEVICE:
        return False
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return False
    cause = error.__cause__
    return not isinstance(cause, Exception) or is_damage(cause)


def _steady(text: str, root: str) -> str:
    """The text of an error without what differs between runs and machines.

    That is temporary folders, addresses of objects, and the folder of the inputs: reasons are part
    of a shard's index, which is the same wherever it is made.
    """
    folder = re.escape(tempfile.gettempdir().rstrip("/"))
    text = re.sub(rf"{folder}/tmp\w+/| at 0x[0-9a-fA-F]+", "", text)
    if "://" in root:
        return text.replace(f"{root.rstrip('/')}/", "")
    for place in (Path(root), Path(root).parent):  # of a root that is a file, the second
        if place != Path():
            text = text.replace(f"{str(place).rstrip('/')}/", "")
    return text
