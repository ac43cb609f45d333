"""Parts of an HDF5 file: what is missing or damaged is named with its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray


@dataclass(frozen=True)
class Hdf5Parts:
    """Reads groups and data sets.

    Attributes:
        path: of the file, for errors.
        endings: that names may have; the first that is there is taken.
    """

    path: str
    endings: tuple[str, ...] = ("",)

    def names(self, group: Any) -> list[str]:
        """Names of the members of a group, sorted.

        Raises:
            ValueError: it is no group, or damaged.
        """
        if not hasattr(group, "keys"):
            raise ValueError(f"{self.path}: '{group.name}' should be a group.")
        try:
            return sorted(group)
        except (KeyError, OSError, RuntimeError, TypeError) as error:
            raise ValueError(f"{self.path}: '{group.name}' is damaged ({error}).") from error

    def find(self, group: Any, name: str) -> Any:
        """A member of a group, or None.

        Raises:
            ValueError: it is no group, or damaged there.
        """
        if not hasattr(group, "keys"):
            raise ValueError(f"{self.path}: '{group.name}' should be a group.")
        try:
            return next((group[name + end] for end in self.endings if name + end in group), None)
        except (KeyError, OSError, RuntimeError) as error:
            raise ValueError(f"{self.path}: '{name}' of '{group.name}': {error}.") from error

    def need(self, group: Any, name: str) -> Any:
        """A member of a group.

        Raises:
            ValueError: there is none; or see :meth:`find`.
        """
        found = self.find(group, name)
        if found is None:
            raise ValueError(
                f"{self.path}: no '{name}' in '{group.name}', only {self.names(group)[:20]}."
            )
        return found

    def array(self, group: Any, name: str) -> Shaped[ndarray, ...] | None:
        """All of a data set, or None.

        Raises:
            ValueError: it cannot be read; or see :meth:`find`.
        """
        found = self.find(group, name)
        if found is None:
            return None
        try:
            return np.asarray(found[()])
        except (OSError, TypeError) as error:
            raise ValueError(f"{self.path}: '{found.name}' cannot be read ({error}).") from error
