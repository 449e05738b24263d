"""The architecture as one list: a module may import only from modules above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

LAYERS = [
    *("__init__", "errors", "cache", "progress", "spikes", "streams", "lesions", "prose"),
    *("theory", "theory.check", "theory.quadrature", "theory.kernel", "theory.hamming", "theory.circles"),
    *("theory.continuous", "theory.optimal", "theory.approximation", "theory.attention", "theory.granule"),
    *("theory.gaussian", "theory.sdm", "theory.memory", "theory.neurons", "theory.memories"),
    *("sdm_layer", "heads", "qknorm"),
    *("units", "library", "schema", "cells.model", "cells.source", "cells.relay", "cells.lif", "cells.ports"),
    *("cells.conductance_lif", "cells.eglif", "cells"),
    *("kernels", "plasticity", "rules", "circuit", "protocol"),
    *("placement", "wiring", "connectome", "graph", "memory_use", "balance", "patterns", "stimuli", "readout", "rates"),
    *("agreement", "readers", "head_memory"),
    *("groups", "synapses", "standalone", "spiking"),
    *("device", "granule_code", "rate"),
    *("cell_drive", "membrane", "ages", "drawn_cells", "transfer", "rates_in_time", "engine_agreement"),
    *("rate_transfer", "rate_plasticity", "rate_circuit", "rate_run"),
    *("memory_kernel", "counter_random", "hard_locations", "counter_store", "memory_size", "large_memory"),
    *("sharded_memory", "scale"),
    *("nwb", "result", "rate_twin", "report", "network_figures", "rate_figures", "plotting"),
    *("runner", "comparison", "head_circuit", "sweep", "figures"),
    *("cli", "__main__"),
]

ALLOWED = {
    "brian2": {"groups", "synapses", "standalone", "spiking"},
    "torch": {"rate", "granule_code", "heads", "qknorm", "sdm_layer", "theory.memory", "theory.neurons",
              "rate_transfer", "rate_circuit", "rate_run", "rate_twin", "membrane", "ages", "drawn_cells",
              "transfer", "rate_plasticity",
              "theory.memories", "runner", "sweep", "memory_kernel", "counter_random", "hard_locations",
              "counter_store", "memory_size", "large_memory", "sharded_memory", "scale", "device"},
    "matplotlib": {"plotting", "network_figures", "rate_figures"},
    "pynwb": {"nwb"},
    "networkx": {"graph"},
    "sklearn": {"patterns"},
    "typer": {"cli"},
    "analysis": set(),
    "tests": set(),
}  # fmt: skip
LAZY = {"runner", "sweep", "result", "cli"}  # bring heavy libraries and the engines at first use only
DESCRIPTIONS = LAYERS[LAYERS.index("units") : LAYERS.index("placement")]


def modules(root: Path) -> dict[str, Path]:
    package = root / "cerebellum"
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__") or "__init__"] = path
    return found


def imports(path: Path, everywhere: bool = True) -> set[str]:
    """Full names that a module imports; `everywhere` counts imports in functions, those for type checkers never."""
    tree, out = ast.parse(path.read_text()), set()
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        or (not everywhere and isinstance(node, ast.FunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            out |= {f"{node.module}.{alias.name}" for alias in node.names}
    return out


def own(names: set[str], known: dict[str, Path]) -> set[str]:
    """The package's modules among imported names."""
    out = set()
    for name in names:
        if name.split(".")[0] == "cerebellum":
            inner = name.removeprefix("cerebellum").lstrip(".")
            while inner and inner not in known:
                inner = inner.rpartition(".")[0]
            out.add(inner or "__init__")
    return out


def test_the_list_has_every_module_once(root: Path) -> None:
    assert len(set(LAYERS)) == len(LAYERS)
    assert set(modules(root)) - set(LAYERS) == set(), "put new modules into LAYERS, below all that they import"
    assert set(LAYERS) - set(modules(root)) == set()


def test_a_module_imports_only_from_above(root: Path) -> None:
    known = modules(root)
    upward = [
        f"{name} imports {other}"
        for name in LAYERS
        for other in sorted(own(imports(known[name]), known))
        if other != name and LAYERS.index(other) > LAYERS.index(name)
    ]
    assert upward == []


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_imported_only_where_it_belongs(root: Path, library: str) -> None:
    using = {
        name for name, path in modules(root).items() if any(full.split(".")[0] == library for full in imports(path))
    }
    assert using <= ALLOWED[library]


def test_heavy_libraries_come_lazily_where_most_runs_do_not_need_them(root: Path) -> None:
    known = modules(root)
    heavy = {"brian2", "torch", "matplotlib", "pynwb"}
    engines = {"spiking", "rate", "rate_run", "rate_twin", "plotting", "nwb"}
    for name in LAZY:
        top = imports(known[name], everywhere=False)
        assert heavy.isdisjoint(full.split(".")[0] for full in top), name
        assert engines.isdisjoint(own(top, known)), name


def test_a_description_never_reaches_an_engine(root: Path) -> None:
    known = modules(root)
    for name in DESCRIPTIONS:
        reached, waiting = set(), [name]
        while waiting:
            now = waiting.pop()
            reached.add(now)
            waiting += own(imports(known[now]), known) - reached
        assert reached <= {*DESCRIPTIONS, "__init__", "errors", "lesions"}, name


def test_no_module_is_long(root: Path) -> None:
    long = {name: lines for name, path in modules(root).items() if (lines := len(path.read_text().splitlines())) > 500}
    assert long == {}
