"""Networks and spikes in SONATA: what libsonata reads is the connectome, and what we read back is it again."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity.spikes import Spikes
from cerebellum.cli import commands
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.errors import InputError
from cerebellum.exchange import export, left_out, read_sonata, read_spikes, write_spikes
from cerebellum.exchange.export import driven
from cerebellum.exchange.sonata import index, pathways
from cerebellum.experiment.loop import Loop
from cerebellum.experiment.schedule import Schedule
from cerebellum.simulation.prepare import prepare

SCALE = {"scale": "0.1"}


@pytest.fixture(scope="module")
def drawn() -> tuple[Connectome, Schedule]:
    """A tenth of the mouse circuit of plain cells at rest."""
    experiment = prepare("background", "mouse_lif", 1, SCALE)
    return experiment.connectome, experiment.schedule


@pytest.fixture(scope="module")
def folder(drawn: tuple[Connectome, Schedule], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export."""
    out = tmp_path_factory.mktemp("exports") / "mouse_lif"
    assert export(drawn[0], out, schedule=drawn[1]) == []
    return out


def same(a: Connectome, b: Connectome) -> None:
    """Two connectomes are equal, number by number; places to the rounding of um and m."""
    assert a.circuit == b.circuit
    assert a.seed == b.seed
    assert a.weight == b.weight
    for mine, other in ((a.edges, b.edges), (a.gaps, b.gaps)):
        assert mine.keys() == other.keys()
        for name, edges in mine.items():
            assert np.array_equal(edges.pre, other[name].pre)
            assert np.array_equal(edges.post, other[name].post)
            assert (edges.contacts is None) == (other[name].contacts is None)
            if edges.contacts is not None:
                assert np.array_equal(edges.contacts, np.asarray(other[name].contacts))
    for name in a.positions:
        np.testing.assert_allclose(a.positions[name], b.positions[name], rtol=1e-15)
    for name, parameters in a.parameters.items():
        assert all(np.array_equal(value, b.parameters[name][key]) for key, value in parameters.items())
    assert all(np.array_equal(start, b.start[name]) for name, start in a.start.items())


def test_libsonata_reads_every_cell_and_synapse(drawn: tuple[Connectome, Schedule], folder: Path) -> None:
    libsonata = pytest.importorskip("libsonata", reason="libsonata (group peers) is not installed")
    connectome, circuit = drawn[0], drawn[0].circuit
    config = libsonata.CircuitConfig.from_file(folder / "circuit_config.json")
    assert config.node_populations == {*circuit.population, "inferior_olive_afferent"}
    assert config.edge_populations == {one.name for one in pathways(connectome)}
    for name in circuit.population:
        cells = config.node_population(name)
        assert cells.size == circuit.size(name)
        for axis, key in enumerate("xyz"):
            assert np.array_equal(
                cells.get_attribute(key, cells.select_all()), connectome.positions[name][:, axis] * 1e6
            )
    for name, projection in circuit.projection.items():
        synapses, edges = config.edge_population(name), connectome.edges[name]
        every = synapses.select_all()
        assert (synapses.source, synapses.target) == (projection.source, projection.target)
        assert np.array_equal(synapses.source_nodes(every), edges.pre)
        assert np.array_equal(synapses.target_nodes(every), edges.post)
        contacts = np.ones(len(edges)) if edges.contacts is None else edges.contacts
        assert np.array_equal(synapses.get_attribute("nsyns", every), contacts)
        weight = contacts * connectome.weight[name] * 1e9 if projection.receptor else contacts  # a relay has none
        np.testing.assert_allclose(synapses.get_attribute("syn_weight", every), weight, rtol=1e-14)
        assert set(synapses.get_attribute("delay", every)) == {projection.delay.si * 1e3}
        receptors = sorted(circuit.population[projection.target].receptor)
        wanted = receptors.index(projection.receptor) + 1 if projection.receptor else 0
        assert set(synapses.get_attribute("receptor_type", every)) == {wanted}


def test_libsonata_finds_the_synapses_of_a_cell(drawn: tuple[Connectome, Schedule], folder: Path) -> None:
    libsonata = pytest.importorskip("libsonata", reason="libsonata (group peers) is not installed")
    config = libsonata.CircuitConfig.from_file(folder / "circuit_config.json")
    for name in ("parallel_fiber_to_purkinje", "glomerulus_to_granule", "stellate_to_stellate"):
        edges, synapses = drawn[0].edges[name], config.edge_population(name)
        for cell in (0, int(edges.post[-1])):
            assert np.array_equal(synapses.afferent_edges(cell).flatten(), np.flatnonzero(edges.post == cell))
        for cell in (0, int(edges.pre[-1])):
            assert np.array_equal(synapses.efferent_edges(cell).flatten(), np.flatnonzero(edges.pre == cell))


def test_libsonata_reads_the_simulation_and_its_spikes(drawn: tuple[Connectome, Schedule], folder: Path) -> None:
    libsonata = pytest.importorskip("libsonata", reason="libsonata (group peers) is not installed")
    simulation = libsonata.SimulationConfig.from_file(folder / "simulation_config.json")
    assert simulation.run.tstop == pytest.approx(6000.0)
    assert set(simulation.list_input_names) == {"mossy_fiber", "inferior_olive_afferent"}
    found = libsonata.SpikeReader(folder / "input" / "spikes.h5")["mossy_fiber"]
    assert found.sorting == "by_time"
    events = drawn[1].events["mossy_fiber"]
    assert [(cell, round(time * 10)) for cell, time in found.get()] == list(
        zip(events.cell.tolist(), events.step.tolist(), strict=True)
    )


@given(st.lists(st.integers(0, 5), max_size=40))
def test_the_index_of_edges_has_every_edge_once_under_its_cell(ids: list[int]) -> None:
    nodes, ranges = index(np.array(ids, dtype=int), 6)
    for cell in range(6):
        first, last = nodes[cell]
        found = [edge for begin, end in ranges[first:last] for edge in range(begin, end)]
        assert found == [edge for edge, own in enumerate(ids) if own == cell]


@pytest.mark.parametrize("model", ["mouse_lif", "mouse_stp", "mouse_plastic"])
def test_an_export_is_read_again_as_the_same_connectome(model: str, tmp_path: Path) -> None:
    settings = SCALE | {"gap_junction.inferior_olive.conductance": "0.1"} if model == "mouse_plastic" else SCALE
    connectome = sample(load_model(model, settings), 3)
    export(connectome, tmp_path / "out")
    same(connectome, read_sonata(tmp_path / "out"))


def test_currents_solved_weights_and_drawn_cells_are_read_again(connectome: Connectome, tmp_path: Path) -> None:
    """The small `jaeckel`: inhibition is a negative current in NEST's files, and a weight of ours."""
    lost = export(connectome, tmp_path / "out")
    assert lost == ["plasticity of parallel_fiber_to_purkinje"]
    same(connectome, read_sonata(tmp_path / "out"))
    with h5py.File(tmp_path / "out" / "network" / "edges.h5") as file:
        assert file["edges/golgi_to_granule/0/syn_weight"][0] < 0 < file["edges/mossy_fiber_to_granule/0/syn_weight"][0]
    with h5py.File(tmp_path / "out" / "network" / "nodes.h5") as file:
        wanted = np.asarray(connectome.parameters["golgi"]["I_e"]) * 1e12
        assert np.array_equal(file["nodes/golgi/0/dynamics_params/I_e"][:], wanted)


def test_edited_synapses_are_read_as_they_are(folder: Path, tmp_path: Path) -> None:
    edited = shutil.copytree(folder, tmp_path / "edited")
    with h5py.File(edited / "network" / "edges.h5", "r+") as file:
        weights = file["edges/golgi_to_granule/0/syn_weight"]
        weights[0] = weights[0] * 1.5
    before, after = (read_sonata(place).edges["golgi_to_granule"].contacts for place in (folder, edited))
    assert before is not None
    assert after is not None
    assert after[0] == pytest.approx(1.5 * before[0], rel=1e-12)
    assert np.array_equal(after[1:], before[1:])


def test_what_a_connectome_cannot_have_is_refused(folder: Path, tmp_path: Path) -> None:
    def altered(name: str, key: str, value: float) -> Path:
        edited = shutil.copytree(folder, tmp_path / name)
        with h5py.File(edited / "network" / "edges.h5", "r+") as file:
            file[f"edges/glomerulus_to_granule/{key}"][0] = value
        return edited

    with pytest.raises(InputError, match=r"delay: network/edges\.h5: glomerulus_to_granule: found delays of 1, 2 ms; "):
        read_sonata(altered("delay", "0/delay", 2.0))
    with pytest.raises(InputError, match="a cell that granule does not have; wanted 0 to 3041"):
        read_sonata(altered("cell", "target_node_id", 3042))
    with pytest.raises(InputError, match=r"nowhere: not an export, it has no model\.json"):
        read_sonata(tmp_path / "nowhere")
    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "network" / "edges.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match="damaged, cannot be read"):
        read_sonata(broken)


def test_learned_weights_are_read_again(connectome: Connectome, tmp_path: Path) -> None:
    name = "parallel_fiber_to_purkinje"
    weights = connectome.weight[name] * np.random.default_rng(1).uniform(0.0, 2.0, len(connectome.edges[name]))
    trained = replace(connectome, learned={name: weights})
    export(trained, tmp_path / "out")
    back = read_sonata(tmp_path / "out")
    same(trained, back)
    np.testing.assert_allclose(back.learned[name], weights, rtol=1e-15)


def test_what_has_been_learned_from_nothing_is_read_again(tmp_path: Path) -> None:
    name = "mossy_fiber_to_nuclear"
    naive = sample(load_model("mouse_plastic", {"scale": "0.05", f"projection.{name}.weight": "0"}), 1)
    for number, most in enumerate((0.0, 1e-10)):
        weights = np.linspace(0.0, most, len(naive.edges[name]))
        export(replace(naive, learned={name: weights}), tmp_path / str(number))
        found = read_sonata(tmp_path / str(number)).weights_at_begin(name)
        np.testing.assert_allclose(found, weights, rtol=1e-12, atol=0)


def test_everything_left_out_is_named() -> None:
    plastic = sample(load_model("mouse_plastic", SCALE), 1)
    assert left_out(plastic)[0] == (
        "plasticity of parallel_fiber_to_purkinje, parallel_fiber_to_stellate, parallel_fiber_to_basket, "
        "mossy_fiber_to_nuclear"
    )
    short = left_out(sample(load_model("mouse_stp", SCALE), 1))
    assert [text.split(" of ")[0] for text in short] == ["short-term plasticity"]
    coupled = sample(load_model("mouse_lif", {"scale": "0.3", "gap_junction.inferior_olive.conductance": "0.1"}), 1)
    assert left_out(coupled) == ["gap junctions inferior_olive"]
    steps = prepare("current_steps", "mouse_lif", 1, SCALE)
    assert any(text.startswith("currents into ") for text in left_out(steps.connectome, steps.schedule))
    loop = Loop(lambda now, seen: {}, ["nuclear"], {"mossy_fiber": "rate"})
    lost = left_out(steps.connectome, replace(steps.schedule, loop=loop))
    assert "what a closed loop sends into mossy_fiber" in lost


def test_spikes_come_back_in_their_steps(tmp_path: Path) -> None:
    rng, dt = np.random.default_rng(2), 1e-4
    steps = np.sort(rng.integers(0, 10**6, 2000))
    train = Spikes(np.asarray(steps * dt, float), rng.integers(0, 50, 2000).astype(np.int32), dt)
    write_spikes({"granule": train, "golgi": Spikes(np.empty(0), np.empty(0, np.int32), dt)}, tmp_path / "spikes.h5")
    back = read_spikes(tmp_path / "spikes.h5", dt)
    assert len(back["golgi"]) == 0
    order = np.lexsort((train.cell, train.time))
    assert np.array_equal(back["granule"].time, train.time[order])
    assert np.array_equal(back["granule"].cell, train.cell[order])
    with pytest.raises(InputError, match="no SONATA file of spikes"):
        read_spikes(tmp_path / "none.h5")


def test_what_drives_an_afferent_is_a_population_of_its_own(drawn: tuple[Connectome, Schedule], folder: Path) -> None:
    given_spikes = driven(*drawn)
    assert given_spikes.keys() == {"mossy_fiber", "inferior_olive_afferent"}
    back = read_spikes(folder / "input" / "spikes.h5", drawn[0].circuit.dt)
    assert np.array_equal(back["mossy_fiber"].time, given_spikes["mossy_fiber"].time)


def test_the_command_writes_a_run_whole_or_not_at_all(
    finished: tuple[object, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["cerebellum", "export", *words])
        code = 0
        try:
            commands.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    out, run = tmp_path / "out", finished[1]
    code, said = call(str(run), "--out", str(out))
    assert code == 0
    assert "left out, as the files have no word for it: plasticity of parallel_fiber_to_purkinje\n" in said
    result = finished[0]
    back = read_spikes(out / "output" / "spikes.h5", 1e-4)
    assert {name: len(train) for name, train in back.items()} == {
        name: len(train)
        for name, train in result.spikes.items()  # type: ignore[attr-defined]
    }
    assert json.loads((out / "model.json").read_text())["seed"] == 1
    code, said = call(str(run), "--out", str(out))
    assert (code, "exists already" in said) == (2, True)
    (out / "mine.txt").write_text("mine")
    code, said = call(str(run), "--out", str(out), "--force")
    assert (code, "holds mine.txt, which no export has written" in said) == (2, True)
    code, said = call(str(run), "--out", str(tmp_path / "other"), "--protocol", "recall")
    assert (code, "has its own protocol" in said) == (2, True)
    code, said = call("mouse_lif", "--format", "neuroml", "--out", str(tmp_path / "other"))
    assert (code, said) == (2, "error: no format named 'neuroml'; there is: sonata\n")
    assert not (tmp_path / "other").exists()
