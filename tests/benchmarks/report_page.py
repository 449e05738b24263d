"""How soon the page of a run can be used: `python -m tests.benchmarks.report_page RUN/report.html`.

Milliseconds from navigation, least, median and largest of five visits by a new browser tab, the first left out. A click
on a tab is sent as soon as the browser lets it through; it is answered in the first frame that shows the other part.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tests.browser import DRAWN, chromium

VISITS = 5
OPENED = """() => document.getElementById('panel-activity').classList.contains('open')
    && new Promise(done => requestAnimationFrame(() => done(performance.now())))"""


def visit(browser: Any, address: str) -> dict[str, float]:
    """One visit: what came when, ms."""
    page = browser.new_page()
    page.goto(address, wait_until="commit")
    page.click("#tab-activity")
    answered = page.wait_for_function(OPENED).json_value()
    page.wait_for_function(DRAWN, arg=page.query_selector("#panel-activity"))
    drawn = page.evaluate("performance.now()")
    there = page.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
    page.close()
    return {"text and tabs there": there, "first click answered": answered, "raster and histograms drawn": drawn}


def main(page: Path) -> None:
    """Print the table."""
    with TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        visits = [visit(browser, page.resolve().as_uri()) for _ in range(VISITS + 1)][1:]
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
    for what in visits[0]:
        times = [one[what] for one in visits]
        print(f"{what:30}{min(times):8.0f}{median(times):8.0f}{max(times):8.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
