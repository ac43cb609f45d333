"""Activation patching: clean activations in an occluded run, and the drift that is left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from jepakit.interp.drift import DriftCurve, layer_drift
from jepakit.interp.patch_plans import PatchPlan, other_images, same_norm
from jepakit.interp.patchable import PatchableEncoder, Recorded, check_sites, stream_points
from jepakit.nn.edits import Edit

Values = tuple[Tensor, Tensor | None]
"""What a site is overwritten with: tokens ``(b, n, d)``, and class tokens ``(b, p, d)``."""


@dataclass(frozen=True)
class PairedRuns:
    """A clean and a corrupted run of the same images, recorded once for all patches.

    Attributes:
        encoder: that ran.
        clean: with the activations that patches may need.
        corrupted: only its stream, from which patched runs go on.
        hidden: the tokens that were hidden in the corrupted images.
        side_by_side: runs of a pass, see :func:`record_pair`.
    """

    encoder: PatchableEncoder
    clean: Recorded
    corrupted: Recorded
    hidden: Bool[Tensor, "b n"]
    side_by_side: int = 1

    @cached_property
    def base(self) -> DriftCurve:
        """Drift of the corrupted run that was not patched."""
        return layer_drift(self.clean.resid, self.corrupted.resid, self.hidden)


def record_pair(
    encoder: PatchableEncoder,
    clean: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
    corrupted: UInt8[Tensor, "b t h w 3"] | Float[Tensor, "b t h w 3"],
    *,
    hidden: Bool[Tensor, "b n"],
    sites: Collection[str],
    side_by_side: int = 1,
) -> PairedRuns:
    """Run both once; every patch of these images starts from what is kept here.

    Every pass, here and in :func:`patched_runs`, is of ``side_by_side`` runs of the batch. Kernels
    may round otherwise in a batch of another size (seen with two threads at width 384, up to 1e-6):
    with passes of one size, a patch that should change nothing changes nothing to the last bit.
    Passes that are not full are filled with copies.

    Args:
        encoder: see :mod:`jepakit.interp.adapters`.
        clean: images or clips.
        corrupted: the same with something hidden.
        hidden: the tokens that are hidden; some of every image, and not all.
        sites: those that plans will patch.
        side_by_side: runs of a pass; 2 are filled by the two runs here, more pay off for few images
            on a large device.

    Raises:
        ValueError: images of different shapes, tokens of another number than the encoder's, unknown
            sites, an activation that is not finite, or ``side_by_side`` below 1.
    """
    tubelets, rows, columns = encoder.grid
    expected = (len(clean), tubelets * rows * columns)
    if clean.shape != corrupted.shape or tuple(hidden.shape) != expected:
        raise ValueError(
            f"{encoder.name} has {encoder.grid} tokens, so hidden must be {expected}, and both "
            f"clips of one shape; came {tuple(hidden.shape)}, {tuple(clean.shape)} and "
            f"{tuple(corrupted.shape)}."
        )
    if side_by_side < 1:
        raise ValueError(f"side_by_side must be at least 1, came {side_by_side}.")
    check_sites(sites, encoder.sites)
    batch = len(clean)
    if side_by_side == 1:
        pair = (encoder.run(clean, record=sites), encoder.run(corrupted))
    else:
        filled = torch.cat([clean, *[corrupted] * (side_by_side - 1)])
        both = encoder.run(filled, record=sites)
        pair = (_part(both, 0, batch, sites), _part(both, 1, batch, ()))
    return PairedRuns(encoder, *pair, hidden.to(pair[0].stream.device), side_by_side)


def patch(
    runs: PairedRuns,
    plans: Mapping[str, PatchPlan],
    *,
    generator: torch.Generator | None = None,
) -> dict[str, DriftCurve]:
    """Drift from the clean run that is left after every patch, at all blocks.

    Source: Late semantic repair, section 2.4.

    Args:
        runs: see :func:`record_pair`.
        plans: by name.
        generator: randomness of the donors ``other`` and ``same_norm``.

    Raises:
        ValueError: see :func:`patched_runs`.
    """
    curves = {}
    for name, patched in patched_runs(runs, plans, generator=generator):
        before = max(patched.first - 1, 0)  # blocks that no site of the plan can change
        after = layer_drift(runs.clean.resid[before:], patched.resid, runs.hidden)
        curves[name] = DriftCurve(
            *(
                torch.cat([getattr(runs.base, part)[:before], getattr(after, part)])
                for part in ("global_", "masked", "context")
            )
        )
    return {name: curves[name] for name in plans}


def patched_runs(
    runs: PairedRuns,
    plans: Mapping[str, PatchPlan],
    *,
    generator: torch.Generator | None = None,
) -> Iterator[tuple[str, Recorded]]:
    """Corrupted runs, each with one group of sites overwritten, from the first of them on.

    Plans that start at the same block run side by side, in the order of their starts. Of every run
    it is checked that each site was computed once, holds the donor's values at the chosen tokens
    and to the last bit what it held before at all others, and that something changed.

    Args:
        runs: see :func:`record_pair`.
        plans: by name.
        generator: randomness of the donors ``other`` and ``same_norm``.

    Yields:
        The name of a plan, and its run from :attr:`PatchPlan.start` on with its patched sites.

    Raises:
        ValueError: a site that was not recorded, no generator where one is needed, a batch of one
            image without another donor, or a patch that changed nothing (or something, where
            ``changes`` says otherwise).
    """
    missing = {site for plan in plans.values() for site in plan.sites} - set(runs.clean.values)
    if missing:
        check_sites(missing, runs.encoder.sites)
        raise ValueError(f"record_pair kept no {sorted(missing)}: name them in sites.")
    # Drawn in the order of the plans, whatever the order in which they run.
    donors = {name: _donor(runs, plan, generator) for name, plan in plans.items()}
    ordered = sorted(plans, key=lambda name: plans[name].start)
    for start, names in groupby(ordered, key=lambda name: plans[name].start):
        group = list(names)
        for at in range(0, len(group), runs.side_by_side):
            together = group[at : at + runs.side_by_side]
            recorded = _pass(runs, start, together, plans, donors)
            for number, name in enumerate(together):
                yield name, _part(recorded, number, len(runs.hidden), plans[name].sites)


def _donor(
    runs: PairedRuns, plan: PatchPlan, generator: torch.Generator | None
) -> dict[str, Values]:
    """Values for every site of a plan; one other image for all of them."""
    clean = {site: runs.clean.values[site] for site in plan.sites}
    prefix = {site: runs.clean.prefix_values.get(site) for site in plan.sites}
    if plan.donor == "clean":
        return {site: (value, prefix[site]) for site, value in clean.items()}
    if generator is None:
        raise ValueError(f"A donor {plan.donor!r} is random: give a generator.")
    if plan.donor == "other":
        rows = other_images(len(runs.hidden), generator=generator).to(runs.hidden.device)
        return {
            site: (value[rows], None if (p := prefix[site]) is None else p[rows])
            for site, value in clean.items()
        }
    return {
        site: (
            same_norm(value, generator=generator),
            None if (p := prefix[site]) is None else same_norm(p, generator=generator),
        )
        for site, value in clean.items()
    }


def _pass(
    runs: PairedRuns,
    start: int,
    names: list[str],
    plans: Mapping[str, PatchPlan],
    donors: Mapping[str, Mapping[str, Values]],
) -> Recorded:
    """One pass over the corrupted images, once for each of the plans, checked."""
    count = runs.side_by_side
    tokens: dict[str, Overwrite] = {}
    prefix: dict[str, Overwrite] = {}
    for number, name in enumerate(names):
        plan = plans[name]
        chosen = plan.chosen(runs.hidden)
        for site in plan.sites:
            value, apart = donors[name][site]
            tokens.setdefault(site, Overwrite(site)).add(name, number, chosen, value)
            if plan.mode == "full" and apart is not None:
                every = torch.ones(apart.shape[:2], dtype=torch.bool, device=apart.device)
                prefix.setdefault(site, Overwrite(site)).add(name, number, every, apart)
    recorded = runs.encoder.resume(
        runs.corrupted.stream[start].repeat(count, 1, 1),
        after=stream_points(runs.encoder.depth)[start],
        prefix=runs.corrupted.prefix[start].repeat(count, 1, 1),
        record=list(tokens),
        edits={site: Edit.apply(overwrite) for site, overwrite in tokens.items()},
        prefix_edits={site: Edit.apply(overwrite) for site, overwrite in prefix.items()},
    )
    changed = {name: False for name in names}
    for parts, values in ((tokens, recorded.values), (prefix, recorded.prefix_values)):
        for site, overwrite in parts.items():
            for name in overwrite.check(values[site].flatten(0, 1)):
                changed[name] = True
    for name in names:
        _demand(name, plans[name], changed=changed[name])
    return recorded


class Overwrite:
    """Puts a donor's rows into a site, for several runs side by side, and says what that did."""

    def __init__(self, site: str) -> None:
        """Overwrite nothing yet."""
        self.site = site
        self.calls = 0
        self.parts: dict[str, tuple[Tensor, Tensor]] = {}

    def add(
        self, name: str, number: int, chosen: Bool[Tensor, "b n"], value: Float[Tensor, "b n d"]
    ) -> None:
        """Rows of run ``number`` of the pass, which plan ``name`` overwrites."""
        rows = chosen.flatten().nonzero().squeeze(1)
        self.parts[name] = (rows + number * chosen.numel(), value.flatten(0, 1)[rows])

    def __call__(self, x: Float[Tensor, "rows d"]) -> Float[Tensor, "rows d"]:
        """The site with its new rows; ``x`` is kept to be compared."""
        self.calls += 1
        self.before = x
        for rows, value in self.parts.values():
            x = x.index_copy(0, rows, value.to(x.dtype))
        return x

    def check(self, after: Float[Tensor, "rows d"]) -> list[str]:
        """Names of the plans that changed something, from what the encoder recorded at the site.

        Raises:
            AssertionError: the adapter lost the patch, or more than the chosen rows was changed.
        """
        assert self.calls == 1, f"{self.site} was computed {self.calls} times in one run."
        untouched = torch.ones(len(after), dtype=torch.bool, device=after.device)
        names = []
        for name, (rows, value) in self.parts.items():
            untouched[rows] = False
            assert torch.equal(after[rows], value), f"{self.site} does not hold the donor's values."
            if not torch.equal(value, self.before[rows]):
                names.append(name)
        same = torch.equal(after[untouched], self.before[untouched])
        assert same, f"More of {self.site} was changed than the chosen tokens."
        return names


def _demand(name: str, plan: PatchPlan, *, changed: bool) -> None:
    if plan.changes is not None and plan.changes is not changed:
        raise ValueError(
            f"Plan {name!r} {'changed' if changed else 'left as they were'} the activations at "
            f"{', '.join(plan.sites)} ({plan.mode}), against changes={plan.changes}: is the "
            "corrupted clip the clean one, or can nothing differ there? changes=None allows both."
        )


def _part(recorded: Recorded, number: int, batch: int, sites: Collection[str]) -> Recorded:
    """One of the runs of a pass, with some of its sites, in memory of its own."""
    rows = slice(number * batch, (number + 1) * batch)

    def own(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {site: value[rows].clone() for site, value in values.items() if site in sites}

    return Recorded(
        recorded.stream[:, rows].clone(),
        own(recorded.values),
        recorded.prefix[:, rows].clone(),
        own(recorded.prefix_values),
        recorded.first,
    )
