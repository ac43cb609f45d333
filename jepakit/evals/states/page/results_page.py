"""Everything that was found out about a run's state variables: on the terminal and as pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from jepakit.command_line import typed_command
from jepakit.evals.pages.report import Part, Section, Table, Text
from jepakit.evals.pages.table_console import print_table
from jepakit.evals.states.effects.cross_model import CrossModel
from jepakit.evals.states.effects.network_effects import NetworkEffects
from jepakit.evals.states.effects.portability import Portability
from jepakit.evals.states.effects.variables import VariablesResult
from jepakit.evals.states.page.comparison_report import write_comparison
from jepakit.evals.states.page.console import print_study
from jepakit.evals.states.page.layer_names import short_name
from jepakit.evals.states.page.report import write_study
from jepakit.evals.states.run_states import PROXY, PROXY_TURN, TRAINED, StatesResult

NETWORK = (
    "Tokens are edited at the output of the block, the rest of the network runs on, and a probe of "
    "the pooled output, fitted on other clips as they are, is read. Donors give the pooled part of "
    "the subspace to every token."
)
VARIABLES = (
    "Rows: the variable whose subspace is ablated. Columns: the variable that is then read. The "
    "diagonal is the variable's own effect; what stands beside it shows how far the subspaces are "
    "entangled. Numbers are cut into quarters of the clips."
)
SHARED = (
    "With more dimensions than clips, canonical correlations of noise are 1 on the clips that they "
    "were fitted on: read the held-out ones. Fewer directions are carried over than the shared "
    "space has; with all of them any two subspaces are equal, whatever the models."
)


def write_states(result: StatesResult, folder: Path) -> list[Path]:
    """A page for each model in its own folder, and one that holds them side by side."""
    command = typed_command()
    paths = []
    several = len(result.studies) > 1
    for name, study in result.studies.items():
        own = folder / name.replace(" ", "_") if several else folder
        own.mkdir(parents=True, exist_ok=True)
        sections = extra_sections(result, name)
        paths += write_study(study, own, extra=sections, command=command)
    if several:
        paths += write_comparison(result.studies, folder, command=command)
    return [path for path in paths if path.suffix in {".html", ".md", ".json"}]


def print_states(result: StatesResult) -> None:
    """The tables of every model."""
    console = Console()
    for name, study in result.studies.items():
        console.rule(name)
        print_study(study, console)
        for section in extra_sections(result, name):
            for part in section.parts:
                if isinstance(part, Table):
                    print_table(section.title, part, console)


def extra_sections(result: StatesResult, name: str) -> list[Section]:
    """What was asked of one model beyond the study."""
    sections = []
    if name in result.network:
        sections.append(network_section(result.network[name]))
    if name in result.variables:
        sections.append(variables_section(result.variables[name]))
    if result.perturbed and name == TRAINED:
        title = "Whether it holds for clips that look or move otherwise"
        sections.append(Section(title, [portable_table(result.perturbed, "shift of the clips")]))
    if result.turned is not None and name == PROXY:
        turn = {f"{PROXY_TURN:g} degrees": result.turned}
        note = "The paper's proxies of two seeds have SAS 0.65 and RCE 0.35."
        title = "Two proxies whose bases are turned against each other"
        sections.append(Section(title, [portable_table(turn, "turned by"), Text(note)]))
    if result.cross is not None and name == TRAINED:
        sections.append(cross_section(result.cross))
    return sections


def network_section(found: NetworkEffects) -> Section:
    """Effects at the network's end."""
    rows = []
    for name, per_clip in found.per_clip.items():
        values = per_clip.mean(axis=0)
        error = values.std(ddof=1) / np.sqrt(len(values))
        rows.append([name, f"{values.mean():.3f} ± {error:.3f}"])
    rows += [
        [f"donor's class after patching, {name}", f"{share.mean():.3f}"]
        for name, share in found.donor.items()
    ]
    caption = (
        f"{len(found.clips)} clips, edited at {short_name(found.layer)}; ± is one standard error "
        f"over clips. Pooled and token edits agree at the block to {found.agreement:.1e}."
    )
    table = Table(["intervention on tokens", "effect at the end"], rows, caption=caption)
    return Section("What the rest of the network makes of it", [Text(NETWORK), table])


def variables_section(found: VariablesResult) -> Section:
    """Readings, mutual effects and mutual alignment."""
    read = [
        [name, f"{accuracy:.3f}", f"{chance:.3f}"]
        for name, accuracy, chance in zip(found.names, found.accuracy, found.chance, strict=True)
    ]
    effects = [
        [name, *(f"{v:.3f}" for v in row)]
        for name, row in zip(found.names, found.effects, strict=True)
    ]
    aligned = [
        [name, *(f"{v:.2f}\nchance {e:.2f}" for v, e in zip(row, expected, strict=True))]
        for name, row, expected in zip(found.names, found.alignment, found.expected, strict=True)
    ]
    parts: list[Part] = [
        Table(["variable", "held-out accuracy", "chance"], read),
        Text(VARIABLES),
        Table(["ablated", *found.names], effects, caption="Fall of the true class's probability."),
        Table(["subspace", *found.names], aligned, caption="Alignment of the subspaces (SAS)."),
    ]
    return Section(f"Other state variables at {short_name(found.layer)}", parts)


def portable_table(found: dict[str, Portability], what: str) -> Table:
    """SAS and RCE by case."""
    rows = []
    for name, one in found.items():
        retained = one.retained
        value = "undefined" if retained.value is None else f"{retained.value:.3f}"
        if retained.interval is not None:
            value += f"\n[{retained.interval[0]:.3f}, {retained.interval[1]:.3f}]"
        rows.append(
            [
                name,
                f"{one.alignment.mean():.3f}",
                f"{one.energy_weighted.mean():.3f}",
                f"{one.chance:.3f}",
                value,
                f"{one.own:.3f}",
            ]
        )
    header = [what, "SAS", "energy-weighted", "chance", "RCE", "own effect"]
    return Table(header, rows)


def cross_section(found: CrossModel) -> Section:
    """Canonical correlations with another run."""
    rows = [
        [str(number + 1), f"{a:.3f}", f"{b:.3f}"]
        for number, (a, b) in enumerate(zip(found.training, found.held_out, strict=True))
    ]
    first, second = (short_name(layer) for layer in found.layers)
    table = Table(["component", "fitted", "held out"], rows, caption=f"{first} and {second}")
    carried = portable_table({"shared space": found.portable}, "carried over in the")
    return Section("The other run", [Text(SHARED, style="note"), table, carried])
