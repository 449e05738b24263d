"""Figures for a journal: every panel of every kind of run, text that stays text, colours, sizes, what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

import cerebellum
from cerebellum import plotting
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.description.appearance import colours
from cerebellum.errors import InputError, UnknownNameError
from cerebellum.plotting.journal import MM, PANELS
from cerebellum.plotting.network import BOX
from cerebellum.plotting.sweep import sweep_figure
from cerebellum.results import Result
from cerebellum.simulation.prepare import prepare
from cerebellum.simulation.run import _report_rates

RATE = 20.0  # Hz; of the spikes that are drawn here


def recorded(duration: float) -> dict[str, Recording]:
    """Six voltages with a stretch left out, and nine weights of known mean."""
    time = np.linspace(0.0, duration, 801)
    weights = np.tile(np.arange(9.0), (801, 1)) * 1e-9
    return {
        "cells": Recording("purkinje", np.arange(6), np.delete(time, slice(20, 60)),
                           {"voltage": np.full((761, 6), -60e-3)}, {"voltage": "volts"}),
        "learnt": Recording("purkinje", np.arange(9), time, {"weight": weights}, {"weight": "siemens"},
                            np.arange(9), "parallel_fiber_to_purkinje"),
    }  # fmt: skip


def drawn(protocol: str, model: str, settings: dict[str, str]) -> Result:
    """A run whose spikes are drawn, at an even rate: a figure needs no engine."""
    made = prepare(protocol, model, 1, settings)
    rng, duration, spikes = np.random.default_rng(3), made.schedule.duration, {}
    for name in made.circuit.population:
        number = rng.poisson(RATE * duration * made.circuit.size(name))
        time = np.sort(rng.random(number)) * duration
        cells = rng.integers(0, made.circuit.size(name), number)
        spikes[name] = Spikes(time, cells.astype(np.int32), made.circuit.dt)
    sizes = {name: made.circuit.size(name) for name in made.circuit.population}
    result = Result(made.circuit, made.protocol, made.schedule, None, connectome=made.connectome)
    result.outcomes["spiking"] = Outcome(sizes, spikes, records=recorded(duration))
    _report_rates(result)
    return result


@pytest.fixture(scope="module")
def placed() -> Result:
    """Four trials in a volume."""
    return drawn("cs_us", "mouse_lif", {"scale": "0.1", "block.cs_us.trials": "4"})


@pytest.fixture(scope="module")
def recalled(small_settings: dict[str, str]) -> Result:
    """A small memory by the engine of volleys."""
    settings = {**small_settings, "population.granule.count": "200"}
    return cerebellum.run("recall", "jaeckel", "volley", settings=settings)


HAVE = {
    "placed": {
        "raster",
        "psth",
        "activity",
        "rates",
        "learning_curve",
        "connectivity",
        "placement",
        "circuit",
        "trials",
        "records",
        "in_degrees",
    },
    "recalled": {"weights", "plastic_weights", "agreement", "memory", "connectivity", "circuit"},
}


@pytest.mark.parametrize("kind", HAVE)
def test_every_figure_is_drawn_or_its_lack_is_one_line(kind: str, request: pytest.FixtureRequest) -> None:
    run: Result = request.getfixturevalue(kind)
    for name in PANELS:
        if name in HAVE[kind]:
            assert isinstance(plotting.figure(run, name), Figure)
        else:
            with pytest.raises(InputError, match="to draw; wanted") as caught:
                plotting.figure(run, name)
            assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"no figure named 'rastr' \(did you mean 'raster'\?\)"):
        plotting.figure(run, "rastr")


def test_widths_are_those_of_columns_and_panels_have_letters_and_axes_units(placed: Result) -> None:
    for columns, width in ((1, 85), (2, 180)):
        made = plotting.figure(placed, "activity", columns)
        assert made.get_figwidth() == pytest.approx(width * MM)
        assert [ax.texts[-1].get_text() for ax in made.axes] == ["A", "B"]
    axes = [plotting.figure(placed, name).axes[0] for name in ("raster", "psth", "rates", "learning_curve")]
    labels = [ax.get_xlabel() + ax.get_ylabel() for ax in axes]
    assert all(re.search(r"\((ms|Hz)", label) for label in labels), labels


def test_text_is_text_in_svg_and_pdf(placed: Result, tmp_path: Path) -> None:
    made = plotting.figure(placed, "rates")
    plotting.save(made, tmp_path / "rates.svg")
    texts = ElementTree.parse(tmp_path / "rates.svg").iter("{http://www.w3.org/2000/svg}text")
    assert {"purkinje", "rate (Hz)"} <= {"".join(text.itertext()) for text in texts}
    plotting.save(made, tmp_path / "rates.pdf")
    assert b"/FontFile2" in (tmp_path / "rates.pdf").read_bytes()  # TrueType: text that can be edited
    plotting.save(made, tmp_path / "again.svg")
    assert (tmp_path / "rates.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()


def test_a_population_has_one_colour_in_every_panel(placed: Result) -> None:
    wanted = colours(placed.circuit)["purkinje"]
    figure = Figure()
    raster, psth, rates = figure.subplots(1, 3)
    one = ["purkinje"]
    assert to_hex(plotting.raster(placed, raster, one).lines[0].get_color()) == wanted
    assert to_hex(plotting.psth(placed, psth, one).lines[0].get_color()) == wanted
    assert to_hex(plotting.rates(placed, rates, one).patches[0].get_facecolor()) == wanted


def test_numbers_in_the_panels_are_those_of_the_run(placed: Result) -> None:
    figure = Figure()
    psth, rates = figure.subplots(1, 2)
    line = plotting.psth(placed, psth, ["granule"]).lines[0]
    own = placed.spikes["granule"]
    assert line.get_ydata().mean() == pytest.approx(len(own) / placed.circuit.size("granule") / 8.0, rel=1e-4)
    plotting.rates(placed, rates)
    widths = [patch.get_width() for patch in rates.patches]
    assert widths == [found["window"]["mean"] for found in placed.summary["rates"].values()]
    published = rates.lines[-1].get_xdata()
    assert 91.0 in published.tolist()  # of Purkinje cells, awake


def test_f_i_has_a_line_a_population() -> None:
    """Spikes are drawn so that each step has its own rate: the figure finds it."""
    settings = {"scale": "0.1"}
    run = drawn("current_steps", "mouse_lif", settings)
    ax = plotting.f_i(run, Figure().subplots(), ["golgi", "purkinje"])
    names = [line.get_label() for line in ax.lines]
    assert names == ["golgi", "purkinje"]
    assert np.all(np.diff(ax.lines[0].get_xdata()) > 0)
    assert np.allclose(ax.lines[0].get_ydata(), RATE, rtol=0.3)


def test_no_arrow_of_the_mouse_runs_through_a_box_and_no_number_covers_another() -> None:
    circuit = cerebellum.load_model("mouse")
    ax = plotting.network.draw_circuit(Figure(figsize=(10, 5)).subplots(), circuit)  # type: ignore[attr-defined]
    boxes = {
        text.get_text().split("\n")[0]: np.array(text.get_position()) for text in ax.texts if "cells" in text.get_text()
    }
    numbers = np.array([text.get_position() for text in ax.texts if re.fullmatch(r"[\d,]+", text.get_text())])
    assert len(boxes) == len(circuit.population)
    apart = np.abs(numbers[:, None] - numbers[None]) / [0.3, 0.12] + 9 * np.eye(len(numbers))[:, :, None]
    assert apart.max(axis=2).min() > 1
    for place in boxes.values():
        assert not (np.abs(numbers - place) < BOX * 0.6).all(axis=1).any()


def test_arrows_of_the_mouse_go_from_box_to_box() -> None:
    figure = Figure(figsize=(10, 5))
    circuit = cerebellum.load_model("mouse")
    ax = plotting.network.draw_circuit(figure.subplots(), circuit)  # type: ignore[attr-defined]
    figure.draw_without_rendering()
    populations = [text for text in ax.texts if "cells" in text.get_text()]
    box = {text.get_position(): text.get_bbox_patch().get_window_extent() for text in populations}
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    pairs = {(one.source, one.target) for one in circuit.projection.values() if one.source != one.target}
    assert len(arrows) == len(pairs)
    for arrow in arrows:
        drawn = arrow.arrow_patch.get_transform().transform_path(arrow.arrow_patch.get_path()).vertices
        for end in (arrow.xyann, arrow.xy):
            low, high = box[tuple(end)].get_points()
            beyond = np.maximum(low - drawn, drawn - high)  # negative inside
            gap = np.where((beyond < 0).all(axis=1), beyond.max(axis=1), np.hypot(*np.maximum(beyond, 0).T)).min()
            assert abs(gap) < 7, (end, gap)  # pixels: two points of air, a line's width, a bar's corner
        (line, *_) = (
            arrow.arrow_patch.get_transform()
            .transform_path(arrow.arrow_patch.get_path())
            .to_polygons(closed_only=False)
        )
        between = np.concatenate([np.linspace(*two, 50) for two in pairwise(line)])
        for place, one in box.items():
            if place not in (tuple(arrow.xyann), tuple(arrow.xy)):
                low, high = one.get_points()
                assert not ((low < between) & (between < high)).all(axis=1).any(), (arrow.xyann, arrow.xy, place)


def test_no_number_of_the_diagram_lies_on_a_box_or_touches_another(placed: Result) -> None:
    figure = plotting.figure(placed, "circuit")
    figure.draw_without_rendering()
    texts = figure.axes[0].texts
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts if "cells" in text.get_text()]  # type: ignore[union-attr]
    numbers = [text.get_window_extent() for text in texts if re.fullmatch(r"[\d,]+", text.get_text())]
    for place, number in enumerate(numbers):
        assert not any(number.overlaps(box) for box in boxes)
        assert not any(number.overlaps(other) for other in numbers[:place])
    assert not any(box.padded(2).overlaps(other) for box, other in combinations(boxes, 2))


def test_numbers_of_the_matrix_are_of_three_digits_at_most() -> None:
    short = plotting.network._short  # type: ignore[attr-defined]
    assert [short(n) for n in (0.57, 9.93, 10.4, 853.2, 1418.0, 9949.0, 12_345.0)] == [
        "0.6", "9.9", "10", "853", "1.4k", "9.9k", "12k"
    ]  # fmt: skip


def test_sides_too_short_for_ticks_are_told_in_words(placed: Result) -> None:
    (ax,) = plotting.figure(placed, "placement").axes
    assert [len(axis.get_ticklocs()) > 0 for axis in (ax.xaxis, ax.yaxis, ax.zaxis)] == [False, False, True]  # type: ignore[attr-defined]
    assert re.fullmatch(r"x: \d+ um, y: \d+ um", ax.texts[0].get_text())


def test_any_column_of_a_sweep_can_be_drawn_and_others_are_told() -> None:
    table = pd.DataFrame(
        {"a.b": [1, 1, 2, 2], "seed": [1, 2, 1, 2], "odd.column": [1.0, 3.0, 5.0, 7.0], "word": list("xyzw")}
    )
    ax = sweep_figure(table, ["a.b"], ["odd.column"]).axes[0]
    assert ax.get_ylabel() == "odd.column"
    assert ax.lines[0].get_ydata().tolist() == [2.0, 6.0]
    with pytest.raises(UnknownNameError, match=r"no column of the table named 'odd.colum' \(did you mean 'odd.column'"):
        sweep_figure(table, ["a.b"], ["odd.colum"])
    with pytest.raises(InputError, match="word: its column has no numbers"):
        sweep_figure(table, ["a.b"], ["word"])
    assert sweep_figure(table, ["a.b"]).axes[0].get_ylabel() == "odd.column"  # the first there is


def test_nothing_is_smaller_than_seven_points_and_the_style_is_left_behind() -> None:
    before = matplotlib.rcParams["font.size"]
    with plotting.styled():
        sizes = [
            matplotlib.rcParams[key]
            for key in matplotlib.rcParams
            if key.endswith(("labelsize", "fontsize", "font.size"))
        ]
        assert min(size for size in sizes if isinstance(size, int | float)) >= 7
    assert matplotlib.rcParams["font.size"] == before


def test_each_quantity_of_a_record_has_its_panel_and_unit(placed: Result) -> None:
    voltage, weight = plotting.figure(placed, "records").axes
    assert (voltage.get_title(), weight.get_title()) == ("cells: purkinje", "learnt: parallel fiber to purkinje")
    assert (voltage.get_ylabel(), weight.get_ylabel()) == ("voltage (mV)", "weight (nS)")
    assert len(voltage.lines) == 4  # of six cells
    x, y = (np.asarray(values) for values in voltage.lines[0].get_data())
    assert np.nanmax(x) < 1.0  # its first second
    assert np.isnan(x).sum() == 1  # broken where nothing is recorded
    assert y[0] == pytest.approx(-60)
    assert np.asarray(weight.lines[-1].get_ydata())[0] == pytest.approx(4)
    with pytest.raises(UnknownNameError, match="no quantity of record cells named 'volt'"):
        plotting.records(placed, voltage, "cells", "volt")


def test_in_degrees_are_counted_over_all_target_cells(placed: Result) -> None:
    ax = plotting.in_degrees(placed, Figure().subplots(), "parallel_fiber_to_purkinje")
    (bars,) = (patch for patch in ax.patches if isinstance(patch, StepPatch))
    assert placed.connectome is not None
    cells = placed.circuit.size("purkinje")
    assert bars.get_data().values.sum() == cells
    mean = float(ax.get_title().split("\n")[-1].split()[0])
    assert mean == pytest.approx(len(placed.connectome.edges["parallel_fiber_to_purkinje"]) / cells, rel=1e-3)


def test_engines_are_one_over_the_other(placed: Result) -> None:
    steps = round(placed.schedule.duration / STEP)
    cells = np.zeros((1, placed.circuit.size("purkinje")), np.float32)
    rates = {"purkinje": Rates(np.full(steps, 7.0, np.float32), cells, placed.schedule.duration)}
    (ax,) = plotting.figure(replace(placed, rates=rates), "engines").axes
    assert ax.get_title() == "purkinje"
    assert np.allclose(np.asarray(ax.lines[0].get_ydata()), 7.0)
    assert len(ax.patches) == 1  # of the spikes


def test_trials_of_one_kind_are_chosen(placed: Result) -> None:
    """Of four trials two are said to be probes: their histogram is the mean of theirs."""
    kinds = ["paired", "probe", "paired", "probe"]
    named = [replace(trial, kind=kind) for trial, kind in zip(placed.trials, kinds, strict=True)]
    run = replace(placed, schedule=replace(placed.schedule, trials=named))
    left, right = Figure().subplots(1, 2)
    found = plotting.psth(run, left, ["purkinje"], kind="probe").lines[0].get_ydata().mean()
    spikes, size = run.spikes["purkinje"], run.circuit.size("purkinje")
    wanted = [spikes.before([trial.stop])[0] - spikes.before([trial.start])[0] for trial in (named[1], named[3])]
    assert found == pytest.approx(np.mean(wanted) / size / 2.0, rel=1e-6)
    assert plotting.learning_curve(run, right, kind="probe").lines[0].get_xdata().tolist() == [2, 4]
    with pytest.raises(UnknownNameError, match=r"no kind of trial named 'prob' \(did you mean 'probe'\?\)"):
        plotting.psth(run, left, kind="prob")
