"""The dense probe: multinomial logistic regression on standardised activations."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

TOLERANCE = 1e-8  # of the gradient; probabilities are then within 3e-6 of the optimum's


class DenseProbe:
    """``softmax(W (x - mean) / std + b)`` with an L2 penalty on ``W``.

    The paper's "L2-regularised logistic regression" with scikit-learn's usual strength 1, not
    tuned. Where there are more dimensions than clips, the clips are first turned into their own
    span: the penalty is blind to rotation and its optimum has no part outside, so that nothing
    changes but the time. Differs from scikit-learn's usual tolerance, at which probabilities are
    still 0.02 from those of the optimum (320 clips of 8 classes) and depend on the rotation.

    Args:
        x: activations of the clips that it learns from.
        y: their classes, ``0 .. C - 1``, every one present.
        strength: inverse of the penalty, scikit-learn's ``C``.

    Raises:
        ValueError: a class is missing.
    """

    def __init__(
        self, x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, strength: float = 1.0
    ) -> None:
        present = np.unique(y)
        if len(present) < 2 or len(present) != int(y.max()) + 1:
            raise ValueError(f"A probe needs every class among its clips, came {present.tolist()}.")
        self._scaler = StandardScaler().fit(x)
        scaled = self._scaler.transform(x)
        n, d = scaled.shape
        self._span = np.linalg.qr(scaled.T)[0] if d > n else None
        self._model = LogisticRegression(C=strength, tol=TOLERANCE, max_iter=5000)
        self._model.fit(self._turned(scaled), y)

    def probabilities(self, x: Float[np.ndarray, "*m d"]) -> Float[np.ndarray, "*m C"]:
        """Probability of every class; leading axes are kept."""
        flat = x.reshape(-1, x.shape[-1])
        found = self._model.predict_proba(self._turned(self._scaler.transform(flat)))
        return found.reshape(*x.shape[:-1], -1)

    def weights(self) -> tuple[Float[np.ndarray, "C d"], Float[np.ndarray, " d"]]:
        """Weights of the standardised dimensions, and the scale that these were divided by."""
        coefficients = self._model.coef_
        if len(coefficients) == 1:  # two classes share one row
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
        wide = coefficients if self._span is None else coefficients @ self._span.T
        return wide, self._scaler.scale_

    def accuracy(self, x: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"]) -> float:
        """Mean over classes of the share that is recognised (balanced accuracy)."""
        return float(balanced_accuracy_score(y, self.probabilities(x).argmax(axis=-1)))

    def _turned(self, scaled: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m _"]:
        return scaled if self._span is None else scaled @ self._span
