"""From a clip to latents: windows, progress, an estimate before, and files after."""

from explorer.extraction.artifacts import ArtifactStore
from explorer.extraction.estimate import Estimate, estimate
from explorer.extraction.extract import (
    ExtractionCancelledError,
    encode_frames,
    extract,
    extract_sites,
)
from explorer.extraction.windows import Window, plan_windows

__all__ = [
    "ArtifactStore",
    "Estimate",
    "ExtractionCancelledError",
    "Window",
    "encode_frames",
    "estimate",
    "extract",
    "extract_sites",
    "plan_windows",
]
