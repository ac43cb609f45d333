"""Edits of activations along a subspace: ablate, steer, patch, and a perturbation of equal norm.

All take numpy arrays and torch tensors whose last axis is the width (``n d``, ``b n d``), and keep
dtype and device. ``P = V V^T`` projects on the subspace of the orthonormal ``V``. An edit is
computed as ``h + delta``, and where ``delta`` is zero the activation is passed on bit for bit, so
that steering by 1 and patching with one's own activations change nothing at all. Half precision is
computed in float32 in between.

``center`` says what the subspace component is measured from: ``None`` from zero, as the paper
prints it, ``"mean"`` from the mean of the given activations, or a vector, say the mean of training
clips. From zero, the edit also moves the mean of all activations, which is large in vision
transformers, and ``alpha < 0`` mirrors it.

Source: Causal state variables, section 3.3, eq. 3 to 5.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

Activations = TypeVar("Activations", np.ndarray, Tensor)
Vectors = np.ndarray | Tensor
Center = Vectors | Literal["mean"] | None

ORTHONORMAL_TOLERANCE = 1e-3  # a basis may come in float32
INSIDE_TOLERANCE = 1e-4  # share of a direction outside the subspace that still is a direction


def ablate(h: Activations, basis: Vectors, *, center: Center = None) -> Activations:
    """Remove the component in the subspace: ``h - P (h - c)``, the same as ``steer`` by 0.

    Raises:
        ValueError: as :func:`steer`.
    """
    return steer(h, basis, 0.0, center=center)


def steer(h: Activations, basis: Vectors, alpha: float, *, center: Center = None) -> Activations:
    """Scale the component in the subspace: ``h + (alpha - 1) P (h - c)``.

    Args:
        h: activations ``... d``.
        basis: orthonormal columns ``d r``.
        alpha: 1 changes nothing, 0 ablates, -1 mirrors.
        center: the point ``c``; see the module.

    Raises:
        ValueError: activations are not floating-point, the basis is not orthonormal or of another
            width, the center is of another width, not finite, or the mean of one vector only, or
            ``alpha`` is not finite.
    """
    if not np.isfinite(alpha):
        raise ValueError(f"alpha must be finite, got {alpha}.")
    wide, v = _widened(h), _checked_basis(h, basis)
    component = ((wide - _center(wide, center)) @ v) @ v.T
    return _moved(h, wide, (alpha - 1.0) * component)


def patch_subspace(h: Activations, donor: Vectors, basis: Vectors) -> Activations:
    """Replace the component in the subspace by the donor's: ``h + P (h' - h)``.

    Args:
        h: activations ``... d``.
        donor: ``... d``: leading axes that match the first of ``h``, later ones are repeated. A
            pooled donor ``b d`` so reaches every token of its clip, wherever the object is.
        basis: orthonormal columns ``d r``.

    Raises:
        ValueError: as :func:`steer`, or the shape of the donor does not fit.
    """
    wide, v = _widened(h), _checked_basis(h, basis)
    change = _aligned(h, donor, "The donor") - wide
    return _moved(h, wide, (change @ v) @ v.T)


def equal_norm_perturbation(
    h: Activations, basis: Vectors, directions: Vectors, *, center: Center = None
) -> Activations:
    """Move as far as ablation does, but out of the subspace: ``h + ||P (h - c)|| u``.

    ``u`` is the direction without its component in the subspace, at unit length. Nothing is ablated
    here. With ``center=None`` the length is inflated by the mean of all activations.

    Args:
        h: activations ``... d``.
        basis: orthonormal columns ``d r``.
        directions: ``d``, shared, or ``... d`` with leading axes that match the first of ``h``.
        center: the point ``c``; see the module.

    Raises:
        ValueError: as :func:`steer`, the shape of the directions does not fit, or one of them lies
            in the subspace.
    """
    wide, v = _widened(h), _checked_basis(h, basis)
    given = _aligned(h, directions, "A direction")
    outside = given - (given @ v) @ v.T
    outside = outside - (outside @ v) @ v.T  # twice, for orthogonality to the last digit
    left = _length(outside)
    if not bool((left > INSIDE_TOLERANCE * _length(given)).all()):
        raise ValueError(
            "A direction lies inside the subspace (or is zero or not finite), so that nothing of "
            "it is orthogonal to the subspace: draw another one."
        )
    distance = _length((wide - _center(wide, center)) @ v)
    return _moved(h, wide, distance * (outside / left))


def _moved(h: Activations, wide: Activations, delta: Activations) -> Activations:
    """``h + delta`` in the dtype of ``h``; 0 is not added, as it would turn -0.0 into 0.0."""
    if isinstance(h, np.ndarray):
        return np.where(delta == 0, h, (wide + delta).astype(h.dtype))
    return torch.where(delta == 0, h, (wide + delta).to(h.dtype))


def _widened(h: Activations) -> Activations:
    """At least float32."""
    if isinstance(h, np.ndarray):
        if not np.issubdtype(h.dtype, np.floating):
            raise ValueError(f"Activations must be floating-point, got {h.dtype}.")
        return h.astype(np.float32) if h.dtype.itemsize < 4 else h
    if not h.is_floating_point():
        raise ValueError(f"Activations must be floating-point, got {h.dtype}.")
    return h.float() if h.element_size() < 4 else h


def _like(h: Activations, values: Vectors) -> Any:
    """The values as the kind of array, on the device and in the computing dtype of ``h``."""
    wide = _widened(h)
    if isinstance(wide, np.ndarray):
        host = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        return np.asarray(host, dtype=wide.dtype)
    return torch.as_tensor(values, dtype=wide.dtype, device=wide.device)


def _checked_basis(h: Activations, basis: Vectors) -> Any:
    if basis.ndim != 2 or basis.shape[0] != h.shape[-1]:
        raise ValueError(
            f"Activations of width {h.shape[-1]} need a basis of shape ({h.shape[-1]}, rank), got "
            f"{tuple(basis.shape)}."
        )
    v = _like(h, basis)
    gram = v.T @ v
    if not bool((abs(gram - _like(h, np.eye(v.shape[1]))) < ORTHONORMAL_TOLERANCE).all()):
        raise ValueError(
            "The columns of a basis must be orthonormal; make them so with "
            "jepakit.interp.subspaces.orthonormal."
        )
    return v


def _center(wide: Activations, center: Center) -> Any:
    if center is None:
        return 0.0
    if isinstance(center, str):
        if center != "mean":
            raise ValueError(f"center must be None, 'mean' or a vector, got {center!r}.")
        rows = wide.reshape(-1, wide.shape[-1])
        if len(rows) < 2:
            raise ValueError(
                "The mean of one activation is itself, so that no edit would change it: pass the "
                "mean of the training clips as center."
            )
        return rows.mean(0)
    vector = _like(wide, center)
    if tuple(vector.shape) != (wide.shape[-1],) or not bool((abs(vector) < float("inf")).all()):
        raise ValueError(
            f"A center must be a finite vector of width {wide.shape[-1]}, got shape "
            f"{tuple(vector.shape)}."
        )
    return vector


def _aligned(h: Activations, values: Vectors, what: str) -> Any:
    """``values`` with axes of length 1 before the width, so that it broadcasts over ``h``."""
    lead, own = tuple(h.shape[:-1]), tuple(values.shape[:-1])
    fits = len(own) <= len(lead) and all(
        size in (1, full) for size, full in zip(own, lead, strict=False)
    )
    if not values.ndim or values.shape[-1] != h.shape[-1] or not fits:
        raise ValueError(
            f"{what} must have the width and the first leading axes of the activations, shape "
            f"{tuple(h.shape)}, got {tuple(values.shape)}."
        )
    return _like(h, values).reshape(own + (1,) * (len(lead) - len(own)) + (h.shape[-1],))


def _length(vectors: Any) -> Any:
    return ((vectors**2).sum(-1) ** 0.5)[..., None]
