"""Objects followed through a clip by the similarity of its tokens to clicked ones."""

from explorer.tracking.centring import Centring, centred
from explorer.tracking.overlays import (
    heat,
    heat_overlay,
    label_pixels,
    path_overlay,
    segment_overlay,
)
from explorer.tracking.prompts import clicked_labels, mask_labels
from explorer.tracking.propagation import Segmentation, propagate_labels
from explorer.tracking.queries import Query, similarity
from explorer.tracking.segmentation_scores import (
    SegmentationScores,
    contour_accuracy,
    j_and_f,
    region_similarity,
)
from explorer.tracking.trajectories import Trajectory, track, trajectory, trajectory_csv

__all__ = [
    "Centring",
    "Query",
    "Segmentation",
    "SegmentationScores",
    "Trajectory",
    "centred",
    "clicked_labels",
    "contour_accuracy",
    "heat",
    "heat_overlay",
    "j_and_f",
    "label_pixels",
    "mask_labels",
    "path_overlay",
    "propagate_labels",
    "region_similarity",
    "segment_overlay",
    "similarity",
    "track",
    "trajectory",
    "trajectory_csv",
]
