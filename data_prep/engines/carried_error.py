"""An exception that travels between processes with the place where it was raised."""

from __future__ import annotations

import pickle
import traceback


def carried(error: Exception) -> bytes:
    """Pickle it with its traceback as a note; as a ``RuntimeError`` if it cannot be pickled."""
    note = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{note}")
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:
        other = RuntimeError(f"{type(error).__name__}: {error}")
        other.add_note(f"In a worker process:\n{note}")
        return pickle.dumps(other)
    return data
