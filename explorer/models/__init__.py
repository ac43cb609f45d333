"""Models to look into: trained runs, their untrained twins, and a small bundled one."""

from explorer.models.catalogue import BUNDLED_ID, ModelCatalogue
from explorer.models.entries import ModelEntry
from explorer.models.opened import ExplorerModel

__all__ = ["BUNDLED_ID", "ExplorerModel", "ModelCatalogue", "ModelEntry"]
