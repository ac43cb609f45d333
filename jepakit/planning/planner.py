"""Plans in latent space: a world model imagines, an objective judges, a solver searches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from jepakit.planning.objectives import Objective, check_goal
from jepakit.planning.plan import Cost, Plan
from jepakit.planning.recorded_world import RecordedWorld
from jepakit.planning.recording import Recorder
from jepakit.planning.rollout import chunked, imagine
from jepakit.planning.solver import Solver
from jepakit.protocols import Seed, WorldModel


class LatentPlanner:
    """Finds the actions after which a model expects to be at a goal.

    Source: V-JEPA 2, section 4.7 and Algorithm 3.

    Args:
        model: imagines.
        solver: searches.
        objective: judges.
        max_candidates: most plans that are imagined at once; all of them by default.
        horizon_limit: most steps that the model can imagine.
        recorded: whether the model's kernels are recorded when first used and replayed from then
            on, see :class:`Recorder`; needs a GPU, and a solver that asks for no gradient. The
            model must not change, and token weights of the objective have to lie on the device.

    Raises:
        ValueError: the solver's actions are not the model's, its horizon is beyond the limit, or
            it needs gradients, which are not recorded.
    """

    def __init__(
        self,
        model: WorldModel[Any],
        solver: Solver,
        objective: Objective,
        *,
        max_candidates: int | None = None,
        horizon_limit: int | None = None,
        recorded: bool = False,
    ) -> None:
        if recorded and solver.differentiates:
            raise ValueError("A solver that needs gradients cannot plan with recorded kernels.")
        if solver.space.names != model.actions.names:
            raise ValueError(
                f"The solver plans {len(solver.space)} actions {list(solver.space.names)}, the "
                f"model takes {len(model.actions)}: {list(model.actions.names)}."
            )
        if horizon_limit is not None and solver.horizon > horizon_limit:
            raise ValueError(
                f"The solver plans {solver.horizon} steps, the model can imagine {horizon_limit}: "
                "lower the solver's horizon."
            )
        self.model = RecordedWorld(model) if recorded else model
        self.solver = solver
        self.objective = objective
        self.max_candidates = max_candidates
        self._judge = Recorder(self._imagined_cost) if recorded else self._imagined_cost

    def cost(self, state: Any, goal: Float[Tensor, "p n d"]) -> Cost:
        """What the solver minimises: how far from the goal plans are imagined to end.

        Raises:
            ValueError: see :meth:`plan`.
        """
        if state.latents.shape != goal.shape:
            raise ValueError(
                f"Goal latents must be (p, n, d) = {tuple(state.latents.shape)} as those of the "
                f"state, came {tuple(goal.shape)}."
            )
        check_goal(goal)

        def judge(actions: Float[Tensor, "p s h a"]) -> Float[Tensor, "p s"]:
            return self._judge(state, goal, actions)

        return judge if self.max_candidates is None else chunked(judge, self.max_candidates)

    def plan(
        self,
        state: Any,
        goal: Float[Tensor, "p n d"],
        *,
        seeds: Sequence[Seed],
        warm_start: Float[Tensor, "p h a"] | None = None,
        candidates: Float[Tensor, "p e h a"] | None = None,
        budget_seconds: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> Plan:
        """Plan from where ``state`` is to ``goal``; see :meth:`Solver.solve` for the options.

        Args:
            state: the present of ``p`` problems, as the model's ``start`` or ``step`` return it.
            goal: latents of the goals, as the model's ``goal`` returns them.
            seeds: one per problem.
            warm_start: plans to search around.
            candidates: plans to evaluate in the first iteration.
            budget_seconds: wall time of the search.
            clock: seconds since any moment.

        Raises:
            ValueError: shapes or the number of seeds do not fit, the goal is not finite, or no
                candidate has a finite cost.
        """
        if len(seeds) != len(goal):
            raise ValueError(f"One seed per problem: {len(goal)} goals, {len(seeds)} seeds.")
        return self.solver.solve(
            self.cost(state, goal),
            seeds=seeds,
            warm_start=warm_start,
            candidates=candidates,
            budget_seconds=budget_seconds,
            device=goal.device,
            clock=clock,
        )

    def _imagined_cost(self, state: Any, goal: Tensor, actions: Tensor) -> Tensor:
        return self.objective(imagine(self.model, state, actions), goal, actions)
