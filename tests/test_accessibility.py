"""Every page of the site, as axe and a narrow window see it: light and dark, wide and narrow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import chromium, faults

VIEWS = [("light", 1280), ("dark", 420)]  # colours, pixels


@pytest.mark.slow  # builds the site, and axe looks at every node of every page
def test_nothing_serious_on_any_page_of_the_site(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("material", reason="mkdocs-material (group docs) is not installed")
    site = tmp_path / "site"
    builder = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(site)]
    subprocess.run(builder, cwd=root, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True)
    # 404.html has addresses of a server's root, and is without its style from disk.
    pages = sorted(page for page in site.rglob("*.html") if page.name != "404.html")
    assert len(pages) > 30
    found = {}
    with chromium(tmp_path / "profile") as browser:
        for page in pages:
            for colours, width in VIEWS:
                tab = browser.new_page()
                tab.emulate_media(color_scheme=colours)
                tab.set_viewport_size({"width": width, "height": 900})
                tab.goto(page.as_uri())
                tab.wait_for_timeout(300)  # what scrolls gets its place among the keys after loading
                wider = tab.evaluate("document.documentElement.scrollWidth") - width
                serious = faults(tab) + ([("wider than the window", [str(wider)])] if wider > 0 else [])
                if serious:
                    found[page.relative_to(site).as_posix(), colours, width] = serious
                tab.close()
    assert found == {}
