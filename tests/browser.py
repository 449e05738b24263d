"""The system's Chromium without a window, for tests that open pages in it; it fetches nothing and installs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
DRAWN = "section => [...section.querySelectorAll('.chart')].every(c => c.querySelector('.main-svg'))"
"""Of a part of a run's page, whether its charts are drawn."""


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with this profile, open for the block; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium in the path: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=FLAGS
        )
        yield context
        context.close()


def faults(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds serious in the page as it is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    grave = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    return [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in grave]
