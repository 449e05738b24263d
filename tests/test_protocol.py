"""Protocol files: every shipped one loads, every fault is told, and what a circuit cannot run is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from cerebellum.description import library
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.description.schema import SOURCE_WORDS, parse, values
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.schedule import trials

REMOVED = object()
TIME = [10.0, "ms", "assumed: x"]
ONE = [1, "1", "assumed: x"]


def tables_with(changes: dict[str, Any]) -> dict[str, Any]:
    tables = copy.deepcopy(library.read_extended("protocols", "recall")[0])
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        table = tables
        for key in parents:
            table = table.setdefault(key, {})
        if value is REMOVED:
            del table[last]
        else:
            table[last] = value
    return tables


def protocol_with(changes: dict[str, Any]) -> Protocol:
    return parse(Protocol, tables_with(changes), "own.toml", ProtocolFileError)


@pytest.mark.parametrize("name", library.names("protocols"))
def test_every_shipped_protocol_loads_and_every_value_has_a_unit_and_a_source(name: str) -> None:
    plan = load_protocol(name)
    found = dict(values(plan))
    assert found
    for key, value in found.items():
        assert value.unit, key
        assert value.source.startswith(SOURCE_WORDS) or value.source.split(",")[0] in plan.sources, key
    assert plan.duration > 0
    assert parse(Protocol, plan.model_dump(mode="json"), "dump", ProtocolFileError) == plan


@pytest.mark.parametrize("model", ["kanerva", "jaeckel"])
def test_recall_runs_on_the_memories(model: str) -> None:
    check_together(load_protocol("recall"), load_model(model))


def test_recall_is_what_it_says() -> None:
    plan = load_protocol("recall")
    assert list(plan.block) == ["baseline", "write", "read"]
    assert [plan.trials_in(block) for block in plan.block.values()] == [
        1,
        10,
        110,
    ]  # ten clean cues, fifty with 6 and fifty with 12 flips
    assert plan.duration == pytest.approx(1.1 + 10 * 0.15 + 110 * 0.25)
    assert [plan.block_of(role) for role in ("baseline", "write", "read", "other")] == [
        "baseline",
        "write",
        "read",
        None,
    ]
    assert [name for name, block in plan.block.items() if block.plasticity] == ["write"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patterns.source": "letters"}, ["patterns", "'letters'", "digits"]),
        ({"patterns.count": [0, "1", "assumed: x"]}, ["patterns.count", "found 0", "at least 1"]),
        ({"patterns": REMOVED}, ["block.write", "wants a [patterns] table"]),
        ({"block": {}}, ["block", "at least one"]),
        ({"block.write.over": "everything"}, ["block.write.over", "'everything'", "patterns"]),
        ({"block.write.trial_duration": [0, "ms", "assumed: x"]}, ["write.trial_duration", "found 0 ms"]),
        ({"block.write.trial_duration": [150, "mV", "assumed: x"]}, ["write.trial_duration", "time", "voltage"]),
        ({"block.write.trial_duration": [150, "ms", "who2000"]}, ["write.trial_duration", "'who2000'", "[sources]"]),
        ({"block.baseline.trials": REMOVED}, ["block.baseline", "wants trials"]),
        ({"block.read.noise": []}, ["block.read", "wants noise"]),
        ({"block.read.noise": [-1, 3]}, ["block.read.noise", "[-1, 3]", "0 or more"]),
        ({"block.read.noise": [3, 3]}, ["block.read.noise", "[3, 3]", "different"]),
        ({"block.read.cues_per_pattern": REMOVED}, ["block.read", "cues_per_pattern"]),
        ({"block.read.window": REMOVED}, ["block.read", "wants a window"]),
        ({"block.read.window.duration": [240, "ms", "assumed: x"]}, ["block.read", "window ends after the trial"]),
        ({"block.read.colour": 1}, ["block.read.colour", "unknown key"]),
        ({"block.write.stimulus.address.kind": "volly"}, ["stimulus.address", "'volly'", "poisson"]),
        ({"block.write.stimulus.address.jitter": [-1, "ms", "assumed: x"]}, ["address", "jitter", "found -1 ms"]),
        ({"block.write.stimulus.address.volleys": [1.5, "1", "assumed: x"]}, ["volleys", "found 1.5", "whole"]),
        ({"block.write.stimulus.pointer.onset": [150, "ms", "assumed: x"]}, ["stimulus.pointer.onset", "150 ms"]),
        ({"block.read.stimulus.cue.volleys": [13, "1", "assumed: x"]}, ["stimulus.cue", "250 ms", "after the trial"]),
        ({"block.baseline.stimulus": {"cue": {"kind": "pointer", "onset": TIME}}}, ["block.baseline", "no pattern"]),
        ({"block.again": tables_with({})["block"]["baseline"]}, ["only one", "baseline, again"]),
        ({"block.write.subset": [0, 4]}, ["block.read", "no write block has written"]),
        ({"block.read.role": "other"}, ["over = 'cues'", "wanted role = 'read'"]),
        ({"block.write.subset": [3, 11]}, ["block.write.subset", "[3, 11]", "10 patterns"]),
        ({"block.write.subset": [4, 4]}, ["subset", "[4, 4]"]),
        ({"block.baseline.subset": [0, 4]}, ["subset", "over patterns or cues"]),
        ({"block.read.repeats": [2, "1", "assumed: x"]}, ["repeats", "over = 'cues'"]),
    ],
)
def test_a_fault_names_its_place_what_was_found_and_what_is_wanted(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ProtocolFileError) as caught:
        protocol_with(changes)
    lines = str(caught.value).splitlines()
    assert all(line.startswith("own.toml: ") for line in lines)
    assert any(all(word in line for word in words) for line in lines), "\n".join(lines)


def test_poisson_spikes_must_end_with_their_trial() -> None:
    late = {"kind": "poisson", "population": "mossy_fiber", "onset": TIME, "rate": [5, "Hz", "assumed: x"]}
    with pytest.raises(ProtocolFileError, match="trial"):
        protocol_with({"block.baseline.stimulus": {"background": {**late, "duration": [2000, "ms", "assumed: x"]}}})


def test_a_read_block_reads_cues() -> None:
    with pytest.raises(ProtocolFileError, match="cues"):
        protocol_with({"block.read.over": "patterns"})


@pytest.mark.parametrize("key", ["block.read.trial_duration", "block.write.trial_duration"])
def test_times_off_the_circuits_grid_are_refused(circuit: Circuit, key: str) -> None:
    with pytest.raises(ProtocolFileError, match=rf"{key}: 250\.05 ms is not a multiple of the time step 0\.1 ms"):
        check_together(protocol_with({key: [250.05, "ms", "assumed: x"], "patterns.source": "random"}), circuit)


def test_more_patterns_than_the_readout_can_tell_apart_are_refused(circuit: Circuit) -> None:
    at_most = {"patterns.source": "random", "patterns.count": [32, "1", "assumed: x"]}
    check_together(protocol_with(at_most), circuit)
    with pytest.raises(
        ProtocolFileError, match=r"patterns\.count: found 33; with 64 pointer bits .* at most 32 patterns"
    ):
        check_together(protocol_with({**at_most, "patterns.count": [33, "1", "assumed: x"]}), circuit)


def test_a_stimulus_wants_a_source_population_that_the_circuit_has(circuit: Circuit) -> None:
    background = {"kind": "poisson", "onset": TIME, "duration": TIME, "rate": [5, "Hz", "assumed: x"]}
    for population, words in (("nuclear", "no population 'nuclear'; there is: "), ("golgi", "makes its own spikes")):
        plan = protocol_with({"block.baseline.stimulus": {"background": {**background, "population": population}}})
        with pytest.raises(ProtocolFileError) as caught:
            check_together(plan, circuit)
        assert f"block.baseline.stimulus.background: {'the model has ' if population == 'nuclear' else ''}" in str(
            caught.value
        )
        assert words in str(caught.value)


def test_load_protocol_names_the_file_in_a_fault() -> None:
    with pytest.raises(ProtocolFileError, match=r"recall\.toml: patterns\.count: found 0; wanted at least 1"):
        load_protocol("recall", {"patterns.count": "0"})


def test_a_block_like_another_takes_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = "extends = 'recall'\n[block.again]\nlike = 'write'\nrole = 'other'\n"
    path.write_text(text)
    plan = load_protocol(str(path), {"block.write.trial_duration": "200"})
    again, write = plan.block["again"], plan.block["write"]
    assert again.model_dump() == {**write.model_dump(), "role": "other"}
    assert again.trial_duration.si == pytest.approx(0.2)
    path.write_text(text.replace("'write'", "'wirte'"))
    with pytest.raises(ProtocolFileError, match=r"block\.again\.like: found 'wirte'; wanted one of baseline, write"):
        load_protocol(str(path))


def test_a_subset_is_what_a_block_shows_and_a_repeat_shows_it_again() -> None:
    plan = load_protocol("capacity", {"patterns.count": "256"})
    shown = [trial.pattern for trial in trials(plan) if trial.block == "write_32"]
    assert shown == list(range(16, 32))
    asked = [trial.pattern for trial in trials(plan) if trial.role == "read"]
    assert asked == list(range(16 + 32 + 64 + 128 + 256))  # numbers of cues run on over the blocks
    rounds = [trial.pattern for trial in trials(load_protocol("mouse_recall")) if trial.block == "write"]
    assert rounds == list(range(8)) * 12


def test_a_lesion_and_a_session_may_be_given_to_a_file_that_has_none(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    block = 'over = "trials"\ntrials = [1, "1", "assumed: x"]\ntrial_duration = [50, "ms", "assumed: x"]\n'
    path.write_text(f'title = "t"\ndescription = "d"\n[block.a]\n{block}[block.b]\n{block}')
    found = load_protocol(str(path), {"lesion": '["golgi"]', "session": '["b"]'})
    assert found.lesion == ["golgi"]
    assert list(found.block) == ["b"]
    assert list(load_protocol(str(path)).block) == ["a", "b"]
