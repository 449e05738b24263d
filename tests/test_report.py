"""The page of a run: what it says is what the run has, and it works in a browser, for everybody, on paper too."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum import report
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import BIN_WIDTH, psth
from cerebellum.description.appearance import colours
from cerebellum.errors import InputError
from cerebellum.readout import agreement
from cerebellum.readout.readers import _defined
from cerebellum.report import memory_charts, record_charts
from cerebellum.report.activity import SHOWN_CELLS, SHOWN_SPIKES
from cerebellum.report.parts import Table
from cerebellum.results import Result, open_run
from cerebellum.results.views import headline
from cerebellum.simulation.prepare import prepare
from cerebellum.simulation.provenance import provenance
from cerebellum.simulation.run import _report_rates, run, save
from tests.browser import DRAWN, chromium, faults

WIDTHS = (1280, 420)
# What Chromium says of the speed of WebGL on a processor is no fault of the page.
OF_THE_DRIVER = ("GL Driver Message", "willReadFrequently")
RATE = 8.0  # Hz; of the spikes that are drawn here


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A placed circuit in four trials, its spikes drawn and not simulated: a page needs no engine."""
    settings = {"scale": "0.1", "block.cs_us.trials": "4", "block.cs_us.trial_duration": "2000"}
    made = prepare("cs_us", "mouse_lif", 1, settings)
    rng, duration, spikes = np.random.default_rng(7), made.schedule.duration, {}
    for name in made.circuit.population:
        number = rng.poisson(RATE * duration * made.circuit.size(name))
        steps = rng.integers(0, round(duration / made.circuit.dt), number)
        cells = rng.integers(0, made.circuit.size(name), number)
        order = np.lexsort((cells, steps))
        spikes[name] = Spikes(steps[order] * made.circuit.dt, cells[order].astype(np.int32), made.circuit.dt)
    sizes = {name: made.circuit.size(name) for name in made.circuit.population}
    result = Result(made.circuit, made.protocol, made.schedule, None, connectome=made.connectome)
    result.outcomes["spiking"] = Outcome(sizes, spikes, records=recorded())
    _report_rates(result)
    result.summary["checks"] = {"rounded": {"count": 1, "text": "a time <b>rounded</b> to the nearest step"}}
    result.summary["convergence"] = {"parallel_fiber_to_purkinje": {"described": 732.0, "realised": 700.0}}
    result.summary["timing"] = {"total": 1.0}
    result.provenance.update(provenance(result, "spiking", [], 1, datetime(2026, 1, 1, tzinfo=UTC)))
    return result, save(result, tmp_path_factory.mktemp("report") / "placed")


def recorded() -> dict[str, Recording]:
    """Voltages and conductances of six cells in two stretches, and the rate of many cells; drawn, as the spikes are."""
    rng, time = np.random.default_rng(5), np.concatenate([np.arange(4000), np.arange(40_000, 44_000)]) * 1e-4
    inside = {"voltage": rng.normal(-60e-3, 5e-3, (8000, 6)), "conductance.excitatory": rng.random((8000, 6)) * 1e-9}
    units = {"voltage": "volts", "conductance.excitatory": "siemens"}
    bins = np.arange(0, 80_000, 50, dtype=np.float64) * 1e-4
    return {
        "cells": Recording("purkinje", np.arange(6) * 2, time, inside, units),
        "layer": Recording("granule", np.arange(500), bins, {"rate": rng.random((len(bins), 1))}, {"rate": "hertz"}),
    }


@pytest.fixture(scope="module")
def recalled(tmp_path_factory: pytest.TempPathFactory, small_settings: dict[str, str]) -> Path:
    """A memory, by the engine of volleys."""
    out = tmp_path_factory.mktemp("report") / "recalled"
    run("recall", "jaeckel", "volley", settings={**small_settings, "population.granule.count": "200"}, out=out)
    return out


def numbers_in(page: Path) -> dict[str, Any]:
    """What the page draws."""
    found = re.search(r'id="packed-numbers">([^<]*)<', page.read_text(encoding="utf-8"))
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def unpacked(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bdata"]), np.dtype(f"<{packed['dtype']}"))


def test_the_page_counts_what_the_run_has(placed: tuple[Result, Path]) -> None:
    result, folder = placed
    drawn = numbers_in(folder / "report.html")
    activity = drawn["activity"]
    assert [p["name"] for p in activity["populations"]] == [n.replace("_", " ") for n in result.spikes]
    (block,) = activity["blocks"]
    granule = unpacked(block["spikes"]["granule"])
    starts = [trial.start for trial in result.trials]
    wanted = psth(result.spikes["granule"], result.circuit.size("granule"), starts, 0.0, 2.0, BIN_WIDTH)
    assert np.allclose(granule, wanted, rtol=1e-6)
    shown = next(p for p in activity["populations"] if p["name"] == "purkinje")
    cells = unpacked(shown["cell"])
    fired = {
        (round(float(t) / 1e-5), int(c))
        for t, c in zip(result.spikes["purkinje"].time, result.spikes["purkinje"].cell, strict=True)
    }
    there = {(int(t), int(cells[row])) for t, row in zip(unpacked(shown["time"]), unpacked(shown["row"]), strict=True)}
    assert there == fired  # few cells: all of them
    bars = drawn["charts"]["rates"]["data"]
    means = dict(zip(bars[0]["y"], bars[0]["x"], strict=True))
    assert means["nuclear"] == result.summary["rates"]["nuclear"]["window"]["mean"]
    assert dict(zip(bars[-1]["y"], bars[-1]["x"], strict=True))["purkinje"] == 91  # cm42, from the model file


def test_of_many_spikes_a_sample_is_shown(placed: tuple[Result, Path], tmp_path: Path) -> None:
    result, _ = placed
    time = np.sort(np.random.default_rng(1).random(400_000)) * 8
    many = Spikes(time, np.arange(400_000, dtype=np.int32) % 3000, result.circuit.dt)
    report.write_report(replace(result, spikes={**result.spikes, "granule": many}), tmp_path / "many.html")
    (shown,) = (p for p in numbers_in(tmp_path / "many.html")["activity"]["populations"] if p["name"] == "granule")
    assert 0.9 * SHOWN_SPIKES < len(unpacked(shown["time"])) <= SHOWN_SPIKES
    assert len(unpacked(shown["cell"])) <= SHOWN_CELLS
    assert unpacked(shown["time"]).max() * 1e-5 > 7.9  # the whole run, of fewer cells


def test_recordings_are_drawn_to_their_extremes_in_the_populations_colour(placed: tuple[Result, Path]) -> None:
    result, folder = placed
    charts = numbers_in(folder / "report.html")["charts"]
    cells, colour = charts["record-cells"], colours(result.circuit)
    assert cells["layout"]["yaxis"]["title"]["text"] == "voltage (mV)"
    assert cells["layout"]["yaxis2"]["title"]["text"] == "excitatory<br>conductance (nS)"
    assert [one["name"] for one in cells["data"]] == 2 * ["cell 0", "cell 2", "cell 6", "cell 10"]  # of six
    assert [one["showlegend"] for one in cells["data"]] == 4 * [True] + 4 * [False]
    assert {one["line"]["color"] for one in cells["data"]} == {colour["purkinje"]}
    voltage = 1e3 * result.records["cells"].values["voltage"][:, 1]
    x, y = (unpacked(cells["data"][1][key]) for key in "xy")
    assert len(y) <= record_charts.MOST_SAMPLES + 1
    assert np.isnan(y).tolist() == np.isnan(x).tolist()
    gap = np.flatnonzero(np.isnan(y))
    assert len(gap) == 1  # one line for each of the two stretches
    assert x[gap[0] - 1] < 0.4 < 4.0 <= x[gap[0] + 1]
    assert (np.nanmin(y), np.nanmax(y)) == pytest.approx((voltage.min(), voltage.max()))
    (layer,) = charts["record-layer"]["data"]
    assert layer["name"] == "mean of 500 cells"
    assert np.allclose(unpacked(layer["y"]), result.records["layer"].values["rate"][:, 0])  # few samples: all of them
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "4 of the 6 recorded cells" in page
    assert "Mean over 500 of the granule cells" in page


def test_a_run_without_recordings_has_no_part_for_them(recalled: Path) -> None:
    assert 'id="tab-recordings"' not in (recalled / "report.html").read_text(encoding="utf-8")


@settings(max_examples=40)
@given(st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=1, max_size=400), st.integers(2, 50))
def test_an_outline_keeps_order_and_extremes_of_every_few(values: list[float], most: int) -> None:
    kept = record_charts.thinned(np.array(values), most)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= most
    assert min(values) == min(values[n] for n in kept)
    assert max(values) == max(values[n] for n in kept)


def test_text_of_files_is_text_in_the_page(placed: tuple[Result, Path]) -> None:
    page = (placed[1] / "report.html").read_text(encoding="utf-8")
    assert "a time &lt;b&gt;rounded&lt;/b&gt; to the nearest step" in page
    assert "<b>rounded" not in page
    assert "cm42" in page
    assert "732" in page


def test_the_charts_are_of_plotlys_schema(placed: tuple[Result, Path], recalled: Path) -> None:
    objects = pytest.importorskip("plotly.graph_objects")
    for folder in (placed[1], recalled):
        for figure in numbers_in(folder / "report.html")["charts"].values():
            objects.Figure(figure)  # raises on a name or value that plotly does not know


def test_an_opened_run_makes_the_same_page_but_for_the_folders_name(
    placed: tuple[Result, Path], tmp_path: Path
) -> None:
    folder = placed[1]
    report.write_report(open_run(folder), tmp_path / "again.html", folder / "figures" / "circuit.svg")
    was, now = (numbers_in(page) for page in (folder / "report.html", tmp_path / "again.html"))
    assert was["activity"] == now["activity"]
    assert was["charts"] == now["charts"]
    assert (tmp_path / "again.html").stat().st_size < 3e6


def test_runs_side_by_side_say_where_they_differ(placed: tuple[Result, Path], recalled: Path, tmp_path: Path) -> None:
    report.write_comparison([open_run(placed[1]), open_run(recalled)], tmp_path / "two.html")
    page = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert "The runs are of different models" in page
    assert "population.granule.count" in page
    assert len(numbers_in(tmp_path / "two.html")["charts"]["rates"]["data"]) == 2  # and what is published


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"model": None}, "model: found None"),
        ({"model": {"title": 3}}, "not as this version writes it"),
        ({"protocol": "recall"}, "protocol: found 'recall'"),
        ({"seed": -3}, "seed: found -3; wanted a whole number from 0"),
        ({"engines": {"spiking": {}}}, "spikes.nwb: found no spikes, and run.json says that the spiking engine ran"),
    ],
)
def test_a_foreign_folder_is_one_line(placed: tuple[Result, Path], tmp_path: Path, damage: Any, words: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(placed[1], broken)
    told = json.loads((broken / "run.json").read_text())
    (broken / "run.json").write_text(json.dumps(told | damage))
    (broken / "spikes.nwb").unlink()
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        report.write_report(open_run(broken), broken / "new.html")
    assert "\n" not in str(caught.value)
    assert not (broken / "new.html").exists()


# --- in a browser ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window, in a folder of its own."""
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        yield context


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Open a page of a width and wait until it is drawn; whatever it says or asks for fails the test."""
    pages, said = [], []

    def open_page(path: Path, width: int) -> Any:
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request", lambda asked: said.extend([asked.url] * (not asked.url.startswith(("file:", "data:", "blob:"))))
        )
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert [text for text in said if not any(known in text for known in OF_THE_DRIVER)] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_tab_opens_and_fits(opened: Any, placed: tuple[Result, Path], recalled: Path, width: int) -> None:
    page = opened((placed[1] if width == WIDTHS[0] else recalled) / "report.html", width)
    tabs = page.query_selector_all("[role=tab]")
    assert len(tabs) >= 5
    for tab in tabs:
        tab.click()
        panel = page.query_selector("[role=tabpanel].open")
        assert panel.get_attribute("aria-labelledby") == tab.get_attribute("id")
        page.wait_for_function(DRAWN, arg=panel)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.get_attribute("aria-selected") == "true"


def test_populations_and_trials_can_be_chosen(opened: Any, placed: tuple[Result, Path]) -> None:
    page = opened(placed[1] / "report.html", 1280)
    page.click("#tab-activity")
    page.wait_for_function(DRAWN, arg=page.query_selector("#panel-activity"))
    assert page.evaluate("document.getElementById('raster').data.length") == 10
    page.click("#populations label:has-text('granule')")
    page.wait_for_function("document.getElementById('raster').data.length === 9")
    assert "granule" not in page.evaluate("document.getElementById('psth').data.map(t => t.hovertemplate).join()")
    page.select_option("#trial", label="cs_us, trial 3")
    page.wait_for_function("document.getElementById('raster').layout.xaxis.range[0] === 4")
    page.keyboard.press("Tab")
    page.focus("#tab-activity")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-rates"


def test_it_prints(opened: Any, placed: tuple[Result, Path]) -> None:
    """All parts, not only the open one."""
    page = opened(placed[1] / "report.html", 1280)
    paper = page.pdf()
    assert paper.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 5


def test_nothing_serious_for_accessibility(opened: Any, placed: tuple[Result, Path]) -> None:
    assert faults(opened(placed[1] / "report.html", WIDTHS[1])) == []


@pytest.mark.slow  # axe looks at every dot of every chart
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_serious_in_any_part(opened: Any, placed: tuple[Result, Path], recalled: Path, width: int) -> None:
    for folder in (placed[1], recalled):
        page = opened(folder / "report.html", width)
        for tab in page.query_selector_all("[role=tab]"):
            tab.click()
            page.wait_for_function(DRAWN, arg=page.query_selector("[role=tabpanel].open"))
            assert (tab.inner_text(), faults(page)) == (tab.inner_text(), [])


def test_controls_are_squared_correlations_and_not_identity() -> None:
    pair = {"identity": 0.9, "r2": 0.95, "tv": 0.1, "others": {"identity": 0.8, "r2": 0.85}}
    control = {"mean": 0.02, "low": 0.0, "high": 0.12}
    found = memory_charts.agreement({"agreement": {"purkinje_vs_sdm": pair, "controls": {"weights_shuffled": control}}})
    (table,) = (part for part in found if isinstance(part, Table))
    row = dict(zip(table.columns, next(row for row in table.rows if row[0].startswith("control")), strict=True))
    assert row["squared correlation r2"] == "0.0200"
    assert row["identity R2"] == ""


def test_weights_that_are_all_equal_are_told_and_drawn() -> None:
    """As of Purkinje cells that are silent: the identity is not defined, and the run is not lost for it."""
    pair = agreement.compared(np.zeros((4, 3)), np.eye(4, 3), np.eye(4, 3, dtype=bool))
    summary = {"agreement": {"purkinje_vs_sdm": _defined(pair)}}
    assert headline(summary, {}) == [
        "Weights by Purkinje spikes against expected SDM: not defined, as all weights are equal."
    ]
    assert memory_charts.agreement(summary)
