"""The tutorials run as they stand, and are kept without what they show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parent.parent / "docs" / "tutorials").glob("*.ipynb"))
CHEAP = "sdm_to_attention"  # theory, and one run of an engine that compiles nothing


def run(notebook: Path, folder: Path, root: Path) -> None:
    runner = [sys.executable, str(root / "tests" / "notebook.py"), str(notebook)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(runner, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("notebook", TUTORIALS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_without_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    assert notebook.stat().st_size < 40_000
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[0]["source"]).startswith("# ")


def test_the_way_from_memory_to_attention_runs(tmp_path: Path, root: Path) -> None:
    run(root / "docs" / "tutorials" / f"{CHEAP}.ipynb", tmp_path, root)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", [path for path in TUTORIALS if path.stem != CHEAP], ids=lambda path: path.stem)
def test_every_other_tutorial_runs(notebook: Path, tmp_path: Path, root: Path) -> None:
    run(notebook, tmp_path, root)
