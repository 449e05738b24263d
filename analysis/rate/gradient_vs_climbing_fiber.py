"""A sensory-to-pointer task learned twice on one circuit: by gradient descent, and by climbing fibres.

Claim: what climbing fibres write at parallel-fibre synapses is of the kind that gradient descent would: both solve the
task, and their weight changes agree. The rule is that of cereb-nest (Antonietti, Casellato, Luque, Garrido; steps of
Geminiani et al. 2022, doi:10.3389/fnsys.2022.919761), the circuit that of Geminiani et al. (2024,
doi:10.1371/journal.pcbi.1011277), both in the rate circuit. Run time: about two minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cerebellum.rate.network import RateCircuit

CLAIM = (
    "Taught four mossy-fibre patterns with a pointer of three bits each, the same circuit learns all bits by gradient"
    " descent on its parallel-fibre weights and by its climbing fibres; the two weight changes correlate over synapses"
    " with r of 0.5 or more."
)
CAPTION = (
    "Left: how much further Purkinje cells fall silent in microzones whose bit is 1 than where it is 0, over epochs, by"
    " climbing fibres (the published rule with its spontaneous rate of 1 Hz) and by gradient descent on a logistic loss"
    " of the same bits, the largest step of a synapse in an epoch the same. Middle: how far the mean rate of each"
    " microzone falls for each pattern after the last epoch. Right: weight changes of 2,000 synapses, one against the"
    " other; control: synapses of one of them exchanged within each Purkinje cell."
)

SETTINGS = {"scale": "0.5", "microzones": "4"}  # 3 microzones of about 12 Purkinje cells
POINTERS = ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1))
FIBERS, HIGH, LOW = 12, 100.0, 4.0  # of 58 mossy fibres fire a pattern, Hz; the others' rate
# Steps of half a millisecond: pattern, climbing fibres, end of the read window, of a trial.
ON, OFF, TAUGHT, READ, END = 100, 300, 390, 330, 840
SPONTANEOUS = 1.0  # Hz; climbing fibres
EPOCHS = 4
SOFT = 2.0  # Hz; width of the logistic loss
PLASTIC = "parallel_fiber_to_purkinje"


def measure(seed: int = 0) -> dict[str, Any]:
    """Both ways of learning."""
    import numpy as np

    module = _circuit(seed)
    records = _patterns(module, seed)
    naive = _responses(module, records)
    start = module.weight[PLASTIC].detach().clone()
    climbing, taught = _by_climbing_fibers(module, records, naive, POINTERS)
    largest = float((taught - start).abs().max()) / EPOCHS
    descended, measured = _by_gradient(module, records, naive, start, largest)
    changes = [(weight - start).cpu().numpy().astype(float) for weight in (taught, measured)]
    correlation = float(np.corrcoef(*changes)[0, 1])
    edges = module.connectome.edges[PLASTIC]
    control = _shuffled_correlation(changes, edges.post, module.circuit.size("purkinje"), seed)
    some = np.random.default_rng(seed).choice(len(start), 2000, replace=False)
    return {
        "synapses": len(start),
        "purkinje_cells": module.circuit.size("purkinje"),
        "climbing": climbing,
        "gradient": descended,
        "correlation": correlation,
        "control": control,
        "changes_pS": [(1e12 * change[some]).round(4).tolist() for change in changes],
    }


def _circuit(seed: int) -> RateCircuit:
    from cerebellum.connectome import connectome
    from cerebellum.description.circuit import load_model
    from cerebellum.experiment.schedule import Schedule
    from cerebellum.rate import simulate

    circuit = load_model("mouse_plastic", SETTINGS)
    projections = {
        name: p if name == PLASTIC else p.model_copy(update={"plasticity": None})
        for name, p in circuit.projection.items()
    }
    circuit = circuit.model_copy(update={"projection": projections})
    # Nuclei are left out: the olive, their way back to the cortex, is given its spikes.
    schedule = Schedule([], {}, 0.0, lesion=("nuclear", "nucleo_olivary"))
    module = simulate.build(connectome.sample(circuit, seed), schedule)
    return module.requires_grad_(False)


def _patterns(module: RateCircuit, seed: int) -> list[list[dict[str, Any]]]:
    """Rates of the granular layer in every step of a trial of each pattern: Poisson spikes, drawn once a pattern."""
    import numpy as np
    import torch

    from cerebellum.rate.time_step import BIN

    rng, cells, records = np.random.default_rng(seed), module.circuit.size("mossy_fiber"), []
    olive = torch.zeros(module.circuit.size("inferior_olive"))
    for _ in POINTERS:
        rate = np.full((END, cells), LOW)
        rate[ON:OFF, rng.choice(cells, FIBERS, replace=False)] = HIGH
        spikes = torch.as_tensor(rng.poisson(rate * BIN) / BIN, dtype=torch.float32)
        with torch.no_grad():
            state, record = module.begin(), []
            for step in range(END):
                rates = module(state, {"mossy_fiber": spikes[step], "inferior_olive": olive}, {})
                record.append({name: rates[name] for name in ("mossy_fiber", "glomerulus", "granule", "golgi")})
        records.append(record)
    return records


def _response(module: RateCircuit, record: list[dict[str, Any]]) -> Any:
    """Mean rate (Hz) of the Purkinje cells of each microzone while the pattern is on, without climbing fibres."""
    import torch

    from cerebellum.connectome.connectome import zone_of

    olive = torch.zeros(module.circuit.size("inferior_olive"))
    state, total = module.begin(), torch.zeros(module.circuit.size("purkinje"))
    for step in range(READ):
        rates = module(state, {**record[step], "inferior_olive": olive}, {})
        if step >= ON:
            total = total + rates["purkinje"] / (READ - ON)
    zone = torch.as_tensor(zone_of(len(total), module.circuit.zones), dtype=torch.int64)
    return torch.stack([total[zone == z].mean() for z in range(module.circuit.zones)])


def _responses(module: RateCircuit, records: list[list[dict[str, Any]]]) -> Any:
    import torch

    with torch.no_grad():
        return torch.stack([_response(module, record) for record in records])


def _by_climbing_fibers(
    module: RateCircuit, records: list[list[dict[str, Any]]], naive: Any, pointers: Any
) -> tuple[dict[str, Any], Any]:
    """Epochs of pattern and pointer with plasticity on; the course, and the weights at the end."""
    import torch

    from cerebellum.connectome.connectome import zone_of
    from cerebellum.rate.time_step import BIN

    zone = zone_of(module.circuit.size("inferior_olive"), module.circuit.zones)
    course = []
    for _ in range(EPOCHS):
        for record, pointer in zip(records, pointers, strict=True):
            bits = torch.as_tensor([float(pointer[z]) for z in zone])
            with torch.no_grad():
                state = module.begin([(0.0, 1.0)])
                for step in range(END):
                    spikes = bits / BIN if step == TAUGHT else torch.zeros_like(bits)
                    module(state, {**record[step], "inferior_olive": spikes + SPONTANEOUS}, {})
                module.weight[PLASTIC].copy_(state.plastic[PLASTIC].weight)
        course.append((naive - _responses(module, records)).numpy())
    return _summary(course), module.weight[PLASTIC].detach().clone()


def _by_gradient(
    module: RateCircuit, records: list[list[dict[str, Any]]], naive: Any, start: Any, largest: float
) -> tuple[dict[str, Any], Any]:
    """As many steps down the loss, the largest change of a synapse in each the same as by climbing fibres."""
    import torch

    rule = module.circuit.projection[PLASTIC].plasticity
    assert rule is not None
    sign = torch.as_tensor(POINTERS, dtype=torch.float32) * 2 - 1
    weight, course = module.weight[PLASTIC], []
    with torch.no_grad():
        weight.copy_(start)
    weight.requires_grad_(True)
    for _ in range(EPOCHS):
        weight.grad = None
        for number, record in enumerate(records):
            change = naive[number] - _response(module, record)
            torch.nn.functional.softplus(-sign[number] * change / SOFT).sum().backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        with torch.no_grad():
            weight -= weight.grad * (largest / weight.grad.abs().max())
            weight.clamp_(rule.w_min.si, rule.w_max.si)
        course.append((naive - _responses(module, records)).numpy())
    weight.requires_grad_(False)
    return _summary(course), weight.detach().clone()


def _summary(course: list[Any]) -> dict[str, Any]:
    """Separation of the bits over epochs (Hz), share of bits right, and the last epoch's changes (Hz)."""
    import numpy as np

    bits = np.array(POINTERS, dtype=bool)
    return {
        "separation": [float(change[bits].mean() - change[~bits].mean()) for change in course],
        "right": [_right(change, np.array(POINTERS)) for change in course],
        "change": course[-1].tolist(),
    }


def _right(change: Any, pointers: Any) -> float:
    """Share of bits right if a microzone says 1 where it falls further than in its mean over patterns."""
    return float(((change > change.mean(axis=0)) == pointers.astype(bool)).mean())


def _shuffled_correlation(changes: list[Any], post: Any, cells: int, seed: int) -> float:
    """The same with the Purkinje cells of one of them exchanged among microzones' places, synapse by synapse."""
    import numpy as np

    rng = np.random.default_rng(seed)
    mixed = np.concatenate([rng.permutation(changes[0][post == cell]) for cell in range(cells)])
    other = np.concatenate([changes[1][post == cell] for cell in range(cells)])
    return float(np.corrcoef(mixed, other)[0, 1])


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Both learn; the changes agree; the control does not."""
    return {
        "climbing fibres: all bits right after the last epoch": numbers["climbing"]["right"][-1] == 1.0,
        "gradient descent: all bits right after the last epoch": numbers["gradient"]["right"][-1] == 1.0,
        "weight changes correlate over synapses with r >= 0.5": numbers["correlation"] >= 0.5,
        "control: with synapses exchanged within each Purkinje cell |r| < 0.25": abs(numbers["control"]) < 0.25,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Separation over epochs, responses, weight changes."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    bits = np.array(POINTERS, dtype=bool)
    for number, (key, label) in enumerate((("climbing", "climbing fibres"), ("gradient", "gradient descent"))):
        course = numbers[key]["separation"]
        left.plot(range(1, len(course) + 1), course, "o-", ms=4, color=f"C{number}", label=label)
        change = np.array(numbers[key]["change"])
        for value, marker in ((True, "v"), (False, "o")):
            where = np.flatnonzero(bits.ravel() == value)
            middle.plot(where + 0.15 * (number - 0.5), change.ravel()[where], marker, color=f"C{number}", ms=5)
    left.set(xlabel="epoch", ylabel="fall at bit 1 less fall at bit 0 (Hz)", ylim=(0, None))
    left.legend(fontsize=8, frameon=False)
    middle.axhline(0, color="black", lw=0.7)
    middle.set_xticks(range(bits.size), [f"{i // 3 + 1}.{i % 3 + 1}" for i in range(bits.size)], fontsize=6)
    middle.set(xlabel="pattern.microzone (triangle: bit 1)", ylabel="fall of the Purkinje rate (Hz)")
    right.plot(*numbers["changes_pS"], ".", ms=2, alpha=0.5)
    right.set(xlabel="change by climbing fibres (pS)", ylabel="change by gradient descent (pS)")
    right.set_title(f"r = {numbers['correlation']:.2f} (control {numbers['control']:.2f})", fontsize=9)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
