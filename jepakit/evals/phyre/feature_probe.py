"""A logistic probe on frozen features: how likely does this action solve this task?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from jepakit.evals.phyre.actions import Candidates, TaskActions
from jepakit.evals.phyre.auccess import task_auccess
from jepakit.evals.phyre.ranking import Learned, attempts_of, need_both_outcomes
from jepakit.evals.phyre.scene_features import Vectors, as_floats
from jepakit.evals.probes.linear_probe import STRENGTHS
from jepakit.seeds import derive_seed

Features = Callable[[Candidates], Vectors]


@dataclass(frozen=True)
class FeatureProbe:
    """Logistic regression with balanced classes, chosen by AUCCESS on the dev tasks.

    Fitted on the training tasks for each strength of regularisation; the one that ranks the actions
    of the dev tasks best (of equals the strongest) is fitted again on both, as the benchmark lets
    final agents learn from both. A strength ``s`` is the weight of ``|w|^2 / 2`` beside the mean
    loss of a sample.

    Args:
        features: of each action of a task.
        negatives: unsolved actions learnt from for each solved one, and at least so many per task.
        strengths: the strengths to choose from.
        components: principal components kept of the features, fitted with the probe; all if None.
        seed: of the choice of unsolved actions and of the components.
    """

    features: Features
    negatives: int = 4
    strengths: tuple[float, ...] = STRENGTHS
    components: int | None = None
    seed: int = 0

    def learn(self, train: Sequence[TaskActions], dev: Sequence[TaskActions]) -> Learned:
        """Choose and fit.

        Raises:
            ValueError: the training or the dev tasks know one outcome only.
        """
        need_both_outcomes(train, "training")
        need_both_outcomes(dev, "dev")
        (rows, solved), more = self._pairs(train), self._pairs(dev)
        both = np.concatenate([rows, more[0]]), np.concatenate([solved, more[1]])
        judged = [(bank, as_floats(self.features(bank.candidates))) for bank in dev]
        ranked = [_on_dev(self._fit(rows, solved, strength), judged) for strength in self.strengths]
        best = max(range(len(ranked)), key=lambda i: (ranked[i], self.strengths[i]))
        strength = self.strengths[best]
        probe = self._fit(*both, strength)
        edge = strength in (min(self.strengths), max(self.strengths))
        facts = {"strength": strength, "at_edge": float(edge), "dev_auccess": ranked[best]}
        # The margin, not the probability: in floating point several of those can be exactly 1.
        return Learned(
            lambda candidates: probe.decision_function(as_floats(self.features(candidates))),
            facts | {"pairs": float(len(both[1])), "solved_pairs": float(both[1].sum())},
        )

    def _pairs(
        self, banks: Sequence[TaskActions]
    ) -> tuple[Float[np.ndarray, "s d"], Bool[np.ndarray, " s"]]:
        chosen = [balanced(bank, self.negatives, self.seed) for bank in banks]
        rows = [as_floats(self.features(bank.candidates)) for bank in chosen]
        return np.concatenate(rows), np.concatenate([bank.solved for bank in chosen])

    def _fit(
        self, rows: Float[np.ndarray, "s d"], solved: Bool[np.ndarray, " s"], strength: float
    ) -> Pipeline:
        steps = [StandardScaler()]
        if self.components is not None:
            kept = min(self.components, len(rows) - 1, rows.shape[1])
            steps = [PCA(kept, random_state=self.seed), *steps]
        model = LogisticRegression(
            C=1 / (strength * len(rows)), class_weight="balanced", max_iter=5000
        )
        return make_pipeline(*steps, model).fit(rows, solved)


def _on_dev(
    probe: Pipeline, judged: Sequence[tuple[TaskActions, Float[np.ndarray, "s d"]]]
) -> float:
    attempts = [attempts_of(bank, probe.decision_function(rows)) for bank, rows in judged]
    return float(task_auccess(np.array(attempts)).mean())


def balanced(bank: TaskActions, negatives: int, seed: int) -> TaskActions:
    """All solved actions of a task, and for each ``negatives`` unsolved ones drawn at random."""
    solved, unsolved = np.flatnonzero(bank.solved), np.flatnonzero(~bank.solved)
    rng = np.random.default_rng(derive_seed("phyre-negatives", seed, bank.task.identity))
    count = min(len(unsolved), negatives * max(1, len(solved)))
    return bank.only(np.sort(np.concatenate([solved, rng.permutation(unsolved)[:count]])))
