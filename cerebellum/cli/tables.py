"""Tables for people: what a run found, what a file holds, two runs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.overlays import OWN, Change, said
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import values
from cerebellum.description.stimulus import Stimulus
from cerebellum.experiment.schedule import trials
from cerebellum.results.result import READER_NAMES

if TYPE_CHECKING:
    from cerebellum.cli.claims import Verdict

SET_UP = ("convergence.", "checks.")
"""How keys of summary.json begin that say how a run was set up."""


def run_tables(summary: dict[str, Any]) -> RenderableType:
    """Recall by noise level, agreement of the readers' weights, beta, control."""
    parts: list[RenderableType] = []
    if "recall" in summary:
        parts.append(_recall_table(summary["recall"]))
    if "recall_by_block" in summary:
        parts.append(_blocks_table(summary["recall_by_block"]))
    if "agreement" in summary:
        parts += [_agreement_table(summary), _rivals_table(summary["agreement"]), *_notes(summary)]
    if "rates" in summary:
        table = Table(
            "population", "all cells", "cells that fired", "interval", "cv", "active", title="Rates in the window"
        )
        for name, rate in summary["rates"].items():
            w = rate["window"]
            table.add_row(
                name,
                f"{w['mean']:.2f} Hz (sd {w['sd']:.2f})",
                "" if w["spiking_mean"] is None else f"{w['spiking_mean']:.2f} Hz",
                "" if w["interval"] is None else f"{w['interval'] * 1e3:.1f} ms",
                "" if w["cv"] is None else f"{w['cv']:.2f}",
                "" if w["active"] is None else f"{w['active']:.0%}",
            )
        parts.append(table)
    if "f_i" in summary:
        parts.append(_f_i_table(summary["f_i"]))
    if "engines" in summary:
        parts.append(engines_table(summary["engines"]))
    return Group(*parts)


def _f_i_table(found: dict[str, Any]) -> Table:
    table = Table("population", "current", "rate (sd over cells)", "first interval", title="f-I: steps of current")
    for name, one in found.items():
        for place, (current, rate, sd, first) in enumerate(zip(*one.values(), strict=True)):
            shown = "" if first is None else f"{first:.1f} Hz"
            table.add_row(name if not place else "", f"{current * 1e12:g} pA", f"{rate:.1f} Hz ({sd:.1f})", shown)
    return table


def _recall_table(recall: dict[str, Any]) -> Table:
    levels = list(next(iter(recall.values()))["by_flips"])
    table = Table("reader", *(f"{level} flipped" for level in levels), title="Recall: cues recognised (bits right)")
    for reader, found in recall.items():
        cells = (found["by_flips"][level] for level in levels)
        table.add_row(READER_NAMES[reader], *(f"{c['patterns']:.0%} ({c['bits']:.1%})" for c in cells))
    return table


def _blocks_table(blocks: dict[str, Any]) -> Table:
    readers = [key for key in next(iter(blocks.values())) if key != "stored"]
    table = Table("block", "stored", *(READER_NAMES[r] for r in readers), title="Recall by block: cues recognised")
    for name, found in blocks.items():
        table.add_row(name, str(found["stored"]), *(f"{found[r]['patterns']:.0%}" for r in readers))
    return table


def _agreement_table(summary: dict[str, Any]) -> Table:
    readers, found = list(summary["recall"]), summary["agreement"]
    columns = [name for name in ("sdm_exact", "sdm", "attention") if name in readers]
    heads = [f"against {READER_NAMES[c]}" for c in columns]
    title = "Agreement of weights: identity R2, of other patterns' weights alone (r2)"
    table = Table("weights of", *heads, "beta (95 %)", title=title)
    for reader in readers:
        cells = []
        for column in columns:
            pair = found.get(f"{reader}_vs_{column}")  # not the other way round: its identity is another number
            numbers = (pair["identity"], pair["others"]["identity"], pair["r2"]) if pair else ()
            cells.append("{}, {} ({})".format(*(_number(x) for x in numbers)) if pair else "")
        beta, (low, high) = summary["beta"][reader], summary["beta"].get(f"{reader}_interval", (None, None))
        spread = f" ({low:.2f}, {high:.2f})" if low is not None and high - low > 5e-3 else ""
        table.add_row(READER_NAMES[reader], *cells, _number(beta, 2) + spread)
    return table


def _number(value: float | None, digits: int = 3) -> str:
    """Rounded; a dash where it is not defined."""
    return "-" if value is None else f"{value:.{digits}f}"


def _rivals_table(agreement: dict[str, Any]) -> Table:
    """How far each rival stays behind the prediction in explaining a reader's weights."""
    readers = agreement["rivals"]
    models = list(next(iter(readers.values())))
    title = "Behind the prediction: identity R2 lost (95 %), a rival is refuted where the interval is above 0"
    table = Table("weights of", *models, title=title)
    for reader, found in readers.items():
        behind = (found[name]["behind"] for name in models)
        cells = ("{} ({}, {})".format(*(_number(b[key]) for key in ("mean", "low", "high"))) for b in behind)
        table.add_row(READER_NAMES[reader], *cells)
    return table


def _notes(summary: dict[str, Any]) -> Iterable[str]:
    found, beta = summary["agreement"], summary["beta"]
    ceilings = [_number(found[pair]["identity"]) for pair in ("sdm_vs_attention", "sdm_vs_sdm_exact")]
    yield f"Ceilings, identity R2: expected SDM against attention {ceilings[0]}; "
    yield f"expected SDM against this connectome, counted {ceilings[1]}."
    for name, control in found.get("controls", {}).items():
        yield (
            f"Control {name}: r2 {control['mean']:.3f} ({control['low']:.3f}, {control['high']:.3f}), "
            f"the reader's own {control['own']:.3f}."
        )
    yield (
        f"Attention's beta is the least-squares slope of ln K on cosine over distances {beta['fit_distances'][0]} to "
        f"{beta['fit_distances'][1]}; the other betas are slopes of ln mean weight on cosine in this run."
    )
    for name, written in summary.get("written_weights", {}).items():
        r = written["r_ideal_counters"]
        yield f"Weights written by climbing fibres against ideal counters ({name}): r = {r:.4f}."


def model_table(circuit: Circuit, changes: Mapping[str, Change]) -> RenderableType:
    """A model's values with units and sources, what overlays `changes`, and its synapse counts."""
    synapses = Table("projection", "rule", "synapses", title="Projections")
    for name, count in expected_synapses(circuit).items():
        synapses.add_row(name, circuit.projection[name].rule.kind, f"{count:,}")
    return Group(_heading(circuit), _values(values(circuit), changes), synapses)


def protocol_table(protocol: Protocol) -> RenderableType:
    """A protocol's timeline and its values."""
    timeline = Table(
        "block", "role or kind", "trials", "trial", "stimuli", "plastic", "begins", "ends", title="Timeline"
    )
    listed = trials(protocol)
    for name, block in protocol.block.items():
        own = [trial for trial in listed if trial.block == name]
        for kind, (one, _) in protocol.kinds_of(name).items():
            first = next(iter(protocol.kinds_of(name))) == kind
            stimuli = ", ".join(f"{key} ({s.kind} at {_onset(s)})" for key, s in one.stimulus.items()) or "-"
            of_kind = len([trial for trial in own if trial.kind == kind])
            timeline.add_row(
                name if first else "", kind if block.over == "kinds" else block.role, f"{of_kind}",
                f"{one.duration * 1e3:g} ms", stimuli, "yes" if one.plasticity else "no",
                f"{own[0].start:.2f} s" if first else "", f"{own[-1].until:.2f} s" if first else "",
            )  # fmt: skip
    return Group(_heading(protocol), timeline, _values(values(protocol)))


def _onset(stimulus: Stimulus) -> str:
    return str(stimulus.onset) + (f" after {stimulus.follows}" if stimulus.follows else "")


def _heading(described: Circuit | Protocol) -> Text:
    return Text.assemble((described.title, "bold"), "  ", described.description)


def _values(found: Iterable[tuple[str, Any]], changes: Mapping[str, Change] | None = None) -> Table:
    table, listed = Table("value", "", "source", *(["changed by"] if changes else []), title="Values"), set()
    for key, value in found:
        listed.add(key)
        table.add_row(key, str(value), value.source, *([_change(changes.get(key))] if changes else []))
    for key, change in (changes or {}).items():  # words of the file: another cell, receptor kind, rule
        if key not in listed and change.before is not None and key.split(".")[0] not in ("sources", *OWN):
            table.add_row(key, said(change.after), "", _change(change))
    return table


def _change(change: Change | None) -> str:
    if change is None:
        return ""
    return f"{change.file}: " + ("new" if change.before is None else f"was {said(change.before)}")


def engines_table(found: dict[str, Any]) -> Table:
    """The rate circuit beside the spiking one, population by population."""
    table = Table(
        "population", "spiking", "rate engine", "ratio", "PSTH r (at best)", "PSTH rmse", "cells r",
        title=f"Engines: {found['trials']} trials, PSTH in bins of {found['bin'] * 1e3:g} ms",
    )  # fmt: skip

    def shown(number: float | None) -> str:
        return "" if number is None else f"{number:.3f}"

    for name, one in found["population"].items():
        table.add_row(
            name,
            f"{one['mean_spiking']:.2f} Hz",
            f"{one['mean_rate']:.2f} Hz",
            shown(one["ratio"]),
            f"{shown(one['psth_r'])} ({shown(one['psth_ceiling'])})",
            f"{one['psth_rmse']:.2f} Hz",
            shown(one["cells_r"]),
        )
    return table


def comparison_table(numbers: dict[str, tuple[float, float]], names: tuple[str, str]) -> Table:
    """Every number that two runs share, side by side; of those that say how they were set up only what differs."""
    table = Table("number", *names, "difference", title="Two runs")
    same = 0
    for key, (a, b) in numbers.items():
        if a == b and key.startswith(SET_UP):
            same += 1
        else:
            table.add_row(key, f"{a:.4g}", f"{b:.4g}", f"{b - a:+.2g}")
    table.caption = f"{same} of the numbers of convergence and notes, the same in both, are left out" if same else None
    return table


def claims_table(outcomes: Sequence[Verdict]) -> Table:
    """Every statement of every claim module, whether it holds, and its picture."""
    table = Table("claim", "statement", "holds", "picture", title="Claims")
    for outcome in outcomes:
        picture = next((str(path) for path in outcome.files if path.suffix == ".png"), "")
        if outcome.error:
            table.add_row(outcome.name, "failed, see below", "", "")
        for number, (statement, true) in enumerate(outcome.holds.items()):
            first = number == 0
            table.add_row(
                outcome.name if first else "",
                statement,
                "yes" if true else Text("no", "bold"),
                picture if first else "",
            )
        table.add_section()
    return table
