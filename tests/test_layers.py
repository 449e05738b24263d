"""The architecture as floors: a folder may import only from folders on floors below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FLOORS = [
    {"activity", "cells", "machine", "theory"},
    {"description", "memory"},
    {"connectome"},
    {"experiment"},
    {"rate", "results", "spiking"},
    {"exchange", "loop", "plotting", "readout", "report"},
    {"simulation"},
    {"cli", "heads"},
]
FILES = {"__init__", "__main__", "clock", "errors", "plugins", "typing"}  # beside the folders

ALLOWED = {
    "brian2": {"spiking"},
    "torch": {"rate", "memory", "heads", "machine", "simulation", "readout"},
    "matplotlib": {"plotting"},
    "pynwb": {"results"},
    "h5py": {"description", "exchange", "results"},
    "platformdirs": {"machine"},
    "jinja2": {"report"},
    "plotly": {"report"},
    "networkx": {"connectome"},
    "sklearn": {"experiment"},
    "typer": {"cli"},
    "gymnasium": {"loop"},
    "nest": {"exchange"},
    "analysis": set[str](),
    "tests": set[str](),
}
LAZY = {"simulation", "cli"}  # bring heavy libraries and the engines at first use only
HEAVY = {"brian2", "torch", "matplotlib", "pynwb"}
HEAVY_FOLDERS = {"spiking", "rate", "plotting"}


def folder_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return parts[0]


def modules(root: Path) -> list[Path]:
    return sorted((root / "cerebellum").rglob("*.py"))


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


def folders_of(names: set[str], root: Path) -> set[str]:
    """The package's folders among imported names."""
    own = {name.split(".")[1] for name in names if name.startswith("cerebellum.")}
    return {name for name in own if (root / "cerebellum" / name).is_dir()}


def test_the_floors_have_every_folder_once(root: Path) -> None:
    package = root / "cerebellum"
    known = [name for floor in FLOORS for name in floor]
    assert len(set(known)) == len(known)
    there = {path.name for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert there == set(known), "put a new folder on a floor above all that it imports"
    assert {path.stem for path in package.glob("*.py")} == FILES
    assert len(FLOORS) <= 8


def test_a_folder_imports_only_from_floors_below(root: Path) -> None:
    floor = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    upward = []
    for path in modules(root):
        own = folder_of(path, root / "cerebellum")
        for other in sorted(folders_of(imports(path), root) - {own}):
            if own in floor and floor[other] >= floor[own]:
                upward.append(f"{path.relative_to(root)} imports {other}")
    assert upward == []


def test_no_module_is_part_of_a_circle(root: Path) -> None:
    """Within a folder modules have no fixed order, but they import one way."""
    package = root / "cerebellum"
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
             for path in modules(root)}  # fmt: skip

    def needed(name: str) -> set[str]:
        out = set()
        for full in imports(names[name]):
            while full and full not in names:
                full = full.rpartition(".")[0]
            # The face of one's own folder is no module's need: importing a module runs it first anyway.
            if full and full != name and not (names[full].name == "__init__.py" and name.startswith(full)):
                out.add(full)
        return out

    graph = {name: needed(name) for name in names if names[name].parent != package or name != "cerebellum"}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done or name not in graph:
            return
        for other in sorted(graph[name]):
            visit(other, (*path, name))
        done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_imported_only_where_it_belongs(root: Path, library: str) -> None:
    using = {
        folder_of(path, root / "cerebellum")
        for path in modules(root)
        if any(full.split(".")[0] == library for full in imports(path))
    }
    assert using <= ALLOWED[library]


def test_heavy_libraries_come_lazily_where_most_runs_do_not_need_them(root: Path) -> None:
    for path in modules(root):
        if folder_of(path, root / "cerebellum") in LAZY | FILES:
            top = imports(path, everywhere=False)
            assert HEAVY.isdisjoint(full.split(".")[0] for full in top), path.name
            assert HEAVY_FOLDERS.isdisjoint(folders_of(top, root)), path.name


def test_no_module_is_long(root: Path) -> None:
    every = [*modules(root), *sorted((root / "analysis").rglob("*.py"))]
    long = {path.name: lines for path in every if (lines := len(path.read_text().splitlines())) > 400}
    assert long == {}
