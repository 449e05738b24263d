"""What the package says of itself is said once, or the same everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cerebellum


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def direct(project: dict[str, Any]) -> list[Requirement]:
    """All that pyproject.toml requires, of users and of developers."""
    extras, groups = project["project"]["optional-dependencies"], project["dependency-groups"]
    lists = [project["project"]["dependencies"], *extras.values(), *groups.values()]
    return [Requirement(line) for lines in lists for line in lines if isinstance(line, str)]


def test_the_version_stands_in_one_place(project: dict[str, Any]) -> None:
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "cerebellum/__init__.py"


def test_citation_and_changelog_name_the_version(root: Path) -> None:
    cited = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(), re.MULTILINE)
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert cited is not None
    assert newest is not None
    assert cited[1] == newest[1] == cerebellum.__version__


def test_every_requirement_has_a_range_and_an_exact_version_in_it(project: dict[str, Any], root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    exact = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    for required in direct(project):
        assert required.specifier, required
        assert required.specifier.contains(exact[canonicalize_name(required.name)]), required


def test_every_requirement_has_a_reason_beside_it(root: Path) -> None:
    required = re.findall(r'^ *"[\w-]+[<>]=.*$', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert len(required) > 20
    assert [line for line in required if "#" not in line] == []
