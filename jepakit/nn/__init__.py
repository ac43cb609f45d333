"""Networks on packed token sequences."""

from jepakit.nn.attention import Kernel, attend
from jepakit.nn.block import Block
from jepakit.nn.edits import Edit, Tap, Taps, make_taps
from jepakit.nn.encoded import Encoded
from jepakit.nn.initial import initialise
from jepakit.nn.patches import PatchEmbedding
from jepakit.nn.pixel_encoder import PixelEncoder
from jepakit.nn.pooling import mean_pool
from jepakit.nn.positions import PositionEmbedding, sincos_table
from jepakit.nn.principal import PrincipalReadout
from jepakit.nn.ragged import pad, rows_of, segment_mean, take, unpad
from jepakit.nn.readout import AllPatches, PooledPatches, VectorReadout
from jepakit.nn.vit import VisionTransformer

__all__ = [
    "AllPatches",
    "Block",
    "Edit",
    "Encoded",
    "Kernel",
    "PatchEmbedding",
    "PixelEncoder",
    "PooledPatches",
    "PositionEmbedding",
    "PrincipalReadout",
    "Tap",
    "Taps",
    "VectorReadout",
    "VisionTransformer",
    "attend",
    "initialise",
    "make_taps",
    "mean_pool",
    "pad",
    "rows_of",
    "segment_mean",
    "sincos_table",
    "take",
    "unpad",
]
