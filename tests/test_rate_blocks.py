"""Steps of the rate circuit in blocks, as a GPU takes them: the same numbers as step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_batch import RATE, SHORT
from test_independent import protocol
from test_rate_circuit import RULE, known, small

from cerebellum.connectome.connectome import sample
from cerebellum.experiment.schedule import Schedule
from cerebellum.experiment.stimulus import schedule
from cerebellum.rate import blocks, measured_transfer, simulate
from cerebellum.rate.simulate import together
from cerebellum.simulation.prepare import prepare


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_transfer, "of", lambda *_: known())


def assert_alike(wired: Any, plans: list[Schedule], exactly: bool = True, **options: Any) -> None:
    """In blocks and step by step, in torch; `exactly` equal, as is what is done in the same order."""
    assert blocks.takes(*_module(wired, plans, options))
    told = [together(wired, plans, compiled=False, graphs=graphs, **options) for graphs in (True, False)]
    for block, step in zip(*told, strict=True):
        assert max(rates.mean.max() for rates in step.rates.values()) > 1
        for name, rates in step.rates.items():
            for found, wanted in ((block.rates[name].mean, rates.mean), (block.rates[name].cells, rates.cells)):
                if exactly:
                    np.testing.assert_array_equal(found, wanted, err_msg=name)
                else:
                    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3, err_msg=name)
        for name, (_, counts) in step.tallied.items():
            np.testing.assert_allclose(block.tallied[name][1], counts, rtol=1e-6 if exactly else 1e-3, atol=1e-6)


def _module(wired: Any, plans: list[Schedule], options: dict[str, Any]) -> Any:
    from cerebellum.rate.simulate import build

    return build(wired, plans[0], draws=options.get("draws", 0)), plans


@pytest.mark.parametrize("options", [{}, {"draws": 2}, {"several": 2}])
def test_blocks_are_the_steps_that_they_stand_for(options: dict[str, Any]) -> None:
    """The mouse, with a stimulus on the olive's outside fibres, and steps left over at the end."""
    several = options.pop("several", 1)
    ready = [prepare("cs_us", "mouse", 1, {**SHORT, RATE: rate}) for rate in ("40", "80")[:several]]
    assert_alike(ready[0].connectome, [one.schedule for one in ready], **options)


def test_independent_trials_begin_where_they_should() -> None:
    wired = sample(small(), 1)
    plan = schedule(protocol({"weak": 2, "strong": 2}), wired, None, 1)
    assert_alike(wired, [replace(plan, records={})], draws=2)


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"draws": 2}, {"several": 2}])
def test_a_recorded_graph_gives_the_same(options: dict[str, Any]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("this torch finds no CUDA device")
    several = options.pop("several", 1)
    ready = [prepare("cs_us", "mouse", 1, {**SHORT, RATE: rate}) for rate in ("40", "80")[:several]]
    plans = [one.schedule for one in ready]
    assert_alike(ready[0].connectome, plans, exactly=False, device="cuda", **options)


def test_where_no_block_is_recorded_steps_go_on_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    wired = sample(small(), 1)
    plan = replace(schedule(protocol({"weak": 1, "strong": 1}), wired, None, 1), records={})
    monkeypatch.setattr(blocks.Blocks, "_steps", refused)
    monkeypatch.setattr(simulate, "_NO_BLOCKS", set())
    with pytest.warns(UserWarning, match="not taken in blocks"):
        (done,) = together(wired, [plan], compiled=False, graphs=True)
    np.testing.assert_array_equal(
        done.rates["granule"].mean, together(wired, [plan], compiled=False)[0].rates["granule"].mean
    )


def test_what_changes_from_step_to_step_is_not_recorded() -> None:
    wired = sample(small(RULE), 1)
    plan = schedule(protocol({"weak": 1, "strong": 1}), wired, None, 1)
    assert not blocks.takes(*_module(wired, [replace(plan, records={})], {}))
    wired = sample(small(), 1)
    watched = schedule(protocol({"weak": 1, "strong": 1}), wired, None, 1)
    assert not blocks.takes(*_module(wired, [replace(watched, loop=object())], {}))  # type: ignore[arg-type]
