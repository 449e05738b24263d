"""The wheel, installed outside the checkout, has all it needs: code, models, protocols, and runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Built by the project's own backend, without an environment of its own."""
    folder = tmp_path_factory.mktemp("dist")
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed into a folder of its own; its dependencies stay where the tests have theirs."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(folder), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path, root: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"cerebellum", f"cerebellum_sim-{wheel.name.split('-')[1]}.dist-info"}
    for kind in ("models", "protocols"):
        for path in (root / kind).glob("*.toml"):
            assert f"cerebellum/{kind}/{path.name}" in names
    for path in [
        *(root / "cerebellum").rglob("*.c"),
        *(root / "cerebellum/report/templates").iterdir(),
        *(root / "cerebellum/rate/measured").iterdir(),
    ]:
        assert path.relative_to(root).as_posix() in names
    assert "cerebellum/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".pyc") or "test" in name]


def test_the_installed_package_finds_its_own_files(site: Path, tmp_path: Path) -> None:
    code = (
        "import cerebellum, cerebellum.description.library as l\n"
        "print(cerebellum.__file__, l.folder('models'), l.folder('protocols'))"
    )
    found = run(site, tmp_path, "-c", code)
    assert found.returncode == 0, found.stderr
    assert all(Path(word).is_relative_to(site) for word in found.stdout.split()), found.stdout


@pytest.mark.usefixtures("finished")
def test_the_installed_command_lists_and_runs(site: Path, tmp_path: Path, small_settings: dict[str, str]) -> None:
    """The run is the one that other tests read, so its compiled objects are found: another process compiles nothing."""
    objects = Path(os.environ["CEREBELLUM_CACHE"]) / "objects"
    before = {path.name: path.stat().st_ino for path in objects.iterdir()}
    found = run(site, tmp_path, "-m", "cerebellum", "list")
    assert found.returncode == 0, found.stderr
    assert "kanerva" in found.stdout
    assert "recall" in found.stdout
    settings = [word for key, text in small_settings.items() for word in ("--set", f"{key}={text}")]
    found = run(
        site, tmp_path, "-m", "cerebellum", "run", "recall", "--model", "jaeckel", "--engine", "both", "--out", "out",
        *settings,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert {"run.json", "summary.json", "spikes.nwb", "figures", "report.html"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert {path.name: path.stat().st_ino for path in objects.iterdir()} == before
