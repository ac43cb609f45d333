"""Made-up activations of a deep encoder whose state variable is known, to try instruments on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

Code = Literal["simplex", "circle"]
Noise = Literal["iso", "powerlaw"]
Ramp = Literal["linear", "step"]

OVERTONE = 0.3  # amplitude of each harmonic of the circle code relative to the one before


@dataclass(frozen=True)
class StructuredProxy:
    """Activations of every layer, with the truth.

    Attributes:
        values: pooled activations by layer.
        labels: class of each clip, 0 to ``classes - 1`` in turn.
        basis: orthonormal directions in which the classes differ, from ``inject_from`` on.
        amplitudes: root mean square over the classes of the mean's distance from the centre, by
            layer, in standard deviations of the noise.
    """

    values: Float[ndarray, "layers n d"]
    labels: Int[ndarray, " n"]
    basis: Float[ndarray, "d r"]
    amplitudes: Float[ndarray, " layers"]


def structured_proxy(
    *,
    clips: int = 400,
    classes: int = 8,
    width: int = 256,
    layers: int = 24,
    inject_from: int = 12,
    snr: float = 13.0,
    phi: float = 0.0,
    code: Code = "simplex",
    noise: Noise = "iso",
    ramp: Ramp = "linear",
    seed: int = 0,
    basis_seed: int = 0,
) -> StructuredProxy:
    r"""Noise, plus one vector per class that grows layer by layer.

    .. math:: H_l = N_l + \mathrm{snr} \, g(l) \, K_y (\cos\phi \, Q + \sin\phi \, W)^T

    with ``N`` standard normal, drawn anew in every layer; ``K`` one code word per class; ``Q`` and
    ``W`` orthonormal ``d x r`` and orthogonal to each other. Two proxies of one ``basis_seed``,
    the second turned by ``phi``, have principal angles of ``phi``: subspace alignment
    ``cos(phi)^2``, before the noise of class means takes its part.

    Source: the structured proxy of "causal state variables". Its signal-to-noise ratio is not
    printed; 13 gives the onset that is: held-out accuracy 0.88 at layer 14 and 1.0 from 16 on.

    Args:
        clips: n.
        classes: C; the rank r is ``C - 1``.
        width: d; at least 2 r.
        layers: how many.
        inject_from: first layer (0-based) that knows the class.
        snr: amplitude in the last layer, in standard deviations of the noise.
        phi: angle in degrees by which the basis is turned out of Q.
        code: ``simplex`` has all classes equally far apart, ``circle`` puts them around a circle,
            with overtones that are each 0.3 as large as the one before.
        noise: ``iso``, or ``powerlaw``: variances 1, 1/2, 1/3, ... (scaled to mean 1) along random
            axes that all layers share.
        ramp: ``linear`` g = (l - inject_from + 1) / (layers - inject_from), or ``step`` g = 1.
        seed: of the noise.
        basis_seed: of Q, W and the axes of the noise; two models of one kind share it.

    Raises:
        ValueError: sizes that hold no such proxy.
    """
    _check(clips, classes, width, layers, inject_from)
    axes = np.random.default_rng([0, basis_seed])
    basis = _turned_basis(width, classes - 1, math.radians(phi), axes)
    labels = np.arange(clips) % classes
    words = (_simplex(classes) if code == "simplex" else _circle(classes)) @ basis.T
    amplitudes = snr * _growth(layers, inject_from, ramp)
    values = np.random.default_rng([1, seed]).standard_normal((layers, clips, width))
    if noise == "powerlaw":
        values = values @ _power_law(width, axes)
    values += amplitudes[:, None, None] * words[labels]
    return StructuredProxy(values, labels, basis, amplitudes)


def _check(clips: int, classes: int, width: int, layers: int, inject_from: int) -> None:
    if classes < 2 or clips < classes:
        raise ValueError(
            f"Needs at least 2 classes and a clip of each, got {clips} clips of {classes} classes."
        )
    if width < 2 * (classes - 1):
        raise ValueError(
            f"{classes} classes and a basis to turn to need a width of at least "
            f"{2 * (classes - 1)}, got {width}."
        )
    if not 0 <= inject_from < layers:
        raise ValueError(f"inject_from must be one of the {layers} layers, got {inject_from}.")


def _turned_basis(
    width: int, rank: int, turn: float, axes: np.random.Generator
) -> Float[ndarray, "d r"]:
    pair = np.linalg.qr(axes.standard_normal((width, 2 * rank)))[0]
    return math.cos(turn) * pair[:, :rank] + math.sin(turn) * pair[:, rank:]


def _growth(layers: int, inject_from: int, ramp: Ramp) -> Float[ndarray, " layers"]:
    step = np.arange(layers) - inject_from + 1.0
    linear = (step / (layers - inject_from)).clip(min=0)
    return linear if ramp == "linear" else (linear > 0).astype(np.float64)


def _simplex(classes: int) -> Float[ndarray, "classes r"]:
    """Corners of a regular simplex around 0, of norm 1."""
    centred = np.eye(classes) - 1 / classes
    left, strengths, _ = np.linalg.svd(centred)
    words = left[:, :-1] * strengths[:-1]
    return words / np.linalg.norm(words, axis=1, keepdims=True)


def _circle(classes: int) -> Float[ndarray, "classes r"]:
    """Fourier harmonics of the class angle, scaled to a mean square norm of 1."""
    angle = 2 * math.pi * np.arange(classes) / classes
    columns = []
    for harmonic in range(1, classes // 2 + 1):
        amplitude = OVERTONE ** (harmonic - 1)
        columns.append(amplitude * np.cos(harmonic * angle))
        if 2 * harmonic != classes:  # the sine of the highest harmonic of an even number is 0
            columns.append(amplitude * np.sin(harmonic * angle))
    words = np.stack(columns, axis=1)
    return words / math.sqrt((words**2).sum(axis=1).mean())


def _power_law(width: int, axes: np.random.Generator) -> Float[ndarray, "d d"]:
    """Symmetric square root of the covariance."""
    variances = 1 / np.arange(1, width + 1)
    turned = np.linalg.qr(axes.standard_normal((width, width)))[0]
    return (turned * np.sqrt(variances / variances.mean())) @ turned.T
