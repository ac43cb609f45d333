"""What the tokens of a clip have in common, taken away before they are compared."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

Centring = Literal["none", "clip", "position"]
"""What is taken away from every token.

Tokens of joint-embedding predictive encoders share a large part, so that their plain cosines
(``none``) all lie near 1 and the best match of a token is often whatever lies at its place.
``clip`` takes the mean token of the clip: 0 then says "as alike as two random tokens".
``position`` takes the main effects of row and column as well (the mean over time and columns of
every row, over time and rows of every column), which hold most of what a position embedding adds;
what a whole row or column shows, such as the floor, goes with them.
"""


def common_part(
    values: Float[np.ndarray, "tt hh ww d"], centring: Centring
) -> Float[np.ndarray, "hh ww d"]:
    """What ``centring`` takes away at every place, in float32."""
    if centring == "none":
        return np.zeros(values.shape[1:], np.float32)
    places = values.mean(axis=0, dtype=np.float32)
    mean = places.mean(axis=(0, 1), dtype=np.float64)
    if centring == "clip":
        return np.broadcast_to(mean.astype(np.float32), places.shape)
    rows, columns = (places.mean(axis=axis, dtype=np.float64) for axis in (1, 0))
    return (rows[:, None] + columns[None] - mean).astype(np.float32)


def centred(
    values: Float[np.ndarray, "tt hh ww d"], centring: Centring
) -> Float[np.ndarray, "tt hh ww d"]:
    """The tokens without what they have in common, as :func:`propagate_labels` may take them."""
    return values - common_part(values, centring)
