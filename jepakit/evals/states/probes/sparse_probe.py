"""The sparse probe: multinomial logistic regression with an L1 penalty."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

USED = 1e-8


class SparseProbe:
    """``softmax(W (x - mean) / std + b)`` with an L1 penalty, which leaves most weights at zero.

    How many dimensions are used hangs on how far the solver went: ``iterations`` and ``converged``
    belong beside every count (scikit-learn's saga at its usual 100 rounds stops far too early).

    Args:
        x: activations of the clips that it learns from.
        y: their classes, ``0 .. C - 1``, every one present.
        sparsity: inverse of the penalty, scikit-learn's ``C``: smaller is sparser.
        rounds: at most; saga over the clips.
        seed: of the order in which saga visits clips.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "n d"],
        y: Int[np.ndarray, " n"],
        *,
        sparsity: float = 0.1,
        rounds: int = 2000,
        seed: int = 0,
    ) -> None:
        self._scaler = StandardScaler().fit(x)
        self._model = LogisticRegression(
            C=sparsity,
            l1_ratio=1.0,
            solver="saga",
            tol=1e-4,
            max_iter=rounds,
            random_state=seed % 2**32,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged`
            self._model.fit(self._scaler.transform(x), y)
        self.iterations = int(self._model.n_iter_.max())
        self.converged = self.iterations < rounds

    @property
    def weights(self) -> Float[np.ndarray, "C d"]:
        """Of the standardised dimensions; two classes have a row each."""
        found = self._model.coef_
        return np.concatenate([-found, found]) / 2 if len(found) == 1 else found

    @property
    def scale(self) -> Float[np.ndarray, " d"]:
        """What each dimension was divided by."""
        return self._scaler.scale_

    @property
    def used(self) -> int:
        """``k``, dimensions with a weight in any class."""
        return int((np.abs(self.weights) > USED).any(axis=0).sum())

    def accuracy(self, x: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"]) -> float:
        """Balanced accuracy."""
        return float(balanced_accuracy_score(y, self._model.predict(self._scaler.transform(x))))
