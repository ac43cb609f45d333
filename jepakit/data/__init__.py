"""Shards of clips with objects: written once, read in any order and resumed anywhere."""

from jepakit.data.schema import BadSample, ClipFormat, Counterfactual, Sample
from jepakit.data.shard_reader import ShardReader

__all__ = ["BadSample", "ClipFormat", "Counterfactual", "Sample", "ShardReader"]
