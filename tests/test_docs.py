"""What the guides say of the house is so: its folders, its files, its functions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_layers import FLOORS

GUIDES = ("CONTRIBUTING.md", "docs/architecture.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_every_file_and_function_that_a_guide_names_exists(root: Path, guide: str) -> None:
    named = re.findall(r"`([\w/]+\.(?:py|toml|txt|md))(?:: (\w+))?`", (root / guide).read_text())
    assert len(named) > 5
    for file, name in named:
        path = root / file
        assert path.is_file(), file
        if name:
            defined = {node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")}
            assert name in defined, f"{file}: {name}"


def test_the_readme_has_every_shipped_model_and_protocol(root: Path) -> None:
    rows = re.findall(r"^\| (`\w+`.*?) \|", (root / "README.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    shipped = {path.stem for kind in ("models", "protocols") for path in (root / kind).glob("*.toml")}
    also = {f"mouse_{name}" for name in ("capacity", "critical_distance", "forgetting")}  # "`mouse_...` in the mouse"
    assert shipped - named <= also


def test_a_weight_passes_at_most_seven_functions_in_each_engine(root: Path) -> None:
    text = (root / "docs/architecture.md").read_text()
    steps = [int(number) for number in re.findall(r"^(\d)\. `cerebellum/", text, re.MULTILINE)]
    assert steps == [1, 2, 3, 4, 5, 6, 7, 6, 7]


def test_guides_have_every_folder_and_the_drawing_its_floor(root: Path) -> None:
    table = re.findall(r"^\| `(\w+)` \|", (root / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(name for floor in FLOORS for name in floor)
    drawn = re.findall(
        r"subgraph floor\d \[.*?\]\n(.*?)\n    end", (root / "docs/architecture.md").read_text(), re.DOTALL
    )
    assert [set(names.split()) for names in drawn] == FLOORS
