"""Regularisers that keep the batch of pooled features spread out: one interface, three kinds.

All act on one vector per sample, ``(b, d)``, in float32 outside autocast, and on the joined batch of
all ranks: value and gradient under DDP are those of one process (see :mod:`jepakit.distributed`).
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from jepakit.distributed import is_distributed, world_size
from jepakit.losses.averaging import at_least_float32
from jepakit.losses.epps_pulley import KNOTS, characteristic_sums, epps_pulley
from jepakit.losses.log_determinant import log_determinant
from jepakit.losses.moments import joined_covariance, joined_mean
from jepakit.seeds import generator
from jepakit.distributed import all_reduce_sum, total_count
