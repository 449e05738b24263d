"""The documentation: what is made from the code is complete, what it tells of clusters is tried as far as possible."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cerebellum.cells import MODELS, RECEPTORS
from cerebellum.cli.commands import app
from cerebellum.description import library
from cerebellum.description.circuit import Circuit
from cerebellum.description.plasticity import PLASTICITY_RULES
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import STIMULI
from cerebellum.description.wiring import WIRING_RULES


def of_site(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"site_{name}", root / "docs" / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[str, str]:
    schema = of_site(root, "schema")
    return {"models": schema.page("Models", Circuit), "protocols": schema.page("Protocols", Protocol)}


def keys(table: object, by_name: set[str], names: bool = False) -> set[str]:
    """Keys of a file's tables, without the names that a file gives to its own things in tables `by_name`."""
    found: set[str] = set()
    if isinstance(table, dict):
        for key, inner in table.items():
            found |= set() if names else {key}
            found |= keys(inner, by_name, key in by_name and not names)
    return found


@pytest.mark.parametrize("kind", ["models", "protocols"])
def test_the_reference_has_every_key_of_every_shipped_file(pages: dict[str, str], kind: str) -> None:
    told = set(re.findall(r"^\| \**`(\w+)`", pages[kind], re.MULTILINE))
    by_name = set(re.findall(r"^\| \**`(\w+)`\** \| tables by name", pages[kind], re.MULTILINE))
    for name in library.names(kind):
        content, _, _ = library.read_extended(kind, name)
        content.pop("sources", None)
        # What puts blocks together goes before the check (docs/files.md, Sessions).
        assert keys(content, by_name) - told <= {"like", "without", "session"}, name


def test_the_reference_has_every_kind(pages: dict[str, str]) -> None:
    for kind in [*WIRING_RULES.own, *PLASTICITY_RULES.own, *RECEPTORS, *MODELS]:
        assert f"`{kind}`" in pages["models"], kind
    assert all(f"`{kind}`" in pages["protocols"] for kind in STIMULI.own)
    assert "| **`time_step`** | time (ms), more than 0 |" in pages["models"]


def test_the_page_of_commands_has_all_of_them(root: Path) -> None:
    page = of_site(root, "commands").page()
    named = list(get_command(app).commands)  # type: ignore[attr-defined]
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == named


def test_every_page_has_its_place_in_the_site(root: Path) -> None:
    def listed(item: Any) -> list[str]:
        if isinstance(item, str):
            return [item]
        return [path for inner in (item.values() if isinstance(item, dict) else item) for path in listed(inner)]

    text = re.sub(r"!\S+", "", (root / "mkdocs.yml").read_text())
    navigation = listed(yaml.safe_load(text)["nav"])
    made = {"reference/model_files.md", "reference/protocol_files.md", "reference/commands.md"}
    there = {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")}
    there |= {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.ipynb")}
    assert sorted(navigation) == sorted(there | made)


def test_the_slurm_page_asks_for_a_job_as_it_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue (group docs) is not installed")
    (code,) = re.findall(r"```python\n(.*?)```", (root / "docs" / "howto" / "slurm.md").read_text(), re.DOTALL)
    asked = []
    monkeypatch.setattr(jobqueue.SLURMCluster, "scale", lambda self, jobs: asked.append(jobs))
    names: dict[str, Any] = {}
    exec(code.replace("8786", "0"), names)
    with names["cluster"] as cluster:
        script = cluster.job_script()
    assert asked[0] == 4
    for line in ("#SBATCH -p short", "#SBATCH -A my_group", "#SBATCH --cpus-per-task=8", "#SBATCH -t 04:00:00"):
        assert line in script
    assert "activate" in script
    assert re.search(r"--nworkers 8\b.*--nthreads 1\b|--nthreads 1\b.*--nworkers 8\b", script)


def test_the_kubernetes_manifest_fits_together(root: Path) -> None:
    path = root / "docs" / "howto" / "kubernetes.yaml"
    service, scheduler, worker = yaml.safe_load_all(path.read_text())
    for deployment in (scheduler, worker):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "IMAGE"
        assert container["args"][0] == "dask"
    pod = scheduler["spec"]["template"]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    (port,) = service["spec"]["ports"]
    assert pod["spec"]["containers"][0]["ports"] == [{"containerPort": port["targetPort"]}]
    assert str(port["port"]) in pod["spec"]["containers"][0]["args"]
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    assert f"tcp://{service['metadata']['name']}:{port['port']}" in container["args"]
    assert container["args"][-6:-2] == ["--nworkers", "1", "--nthreads", "1"]
