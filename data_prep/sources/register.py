"""The register of sources: the name of each layout on the command line."""

from __future__ import annotations

from data_prep.footage import Source
from data_prep.sources import clevrer, coco_panoptic, cophy, craft, media, palettes, physion, tars

SOURCES: dict[str, Source] = {
    "videos": media.VIDEOS,
    "images": media.IMAGES,
    "tars": tars.SOURCE,
    "craft": craft.SOURCE,
    "cophy": cophy.SOURCE,
    "clevrer": clevrer.SOURCE,
    "physion": physion.SOURCE,
    "coco_panoptic": coco_panoptic.SOURCE,
    "coco_panoptic_stuff": coco_panoptic.WITH_STUFF,
    "davis": palettes.DAVIS,
    "youtube_vos": palettes.YOUTUBE_VOS,
}
