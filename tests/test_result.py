"""Run folders: whole or not at all, never over anything else; NWB and JSON that others can read."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from cerebellum.errors import InputError
from cerebellum.results.folder import NAMES, whole_folder, write_json
from cerebellum.results.result import Result
from cerebellum.results.saved import open_run


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), whole_folder(tmp_path / "run", force=False) as part:  # noqa: PT012
        (part / "run.json").write_text("{}")
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_run_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with whole_folder(out, force=False) as part:
        (part / "run.json").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(out, force=True) as part:  # noqa: PT012
        (part / "run.json").write_text("new")
        raise RuntimeError
    assert (out / "run.json").read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_existing_folder_is_replaced_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for force, text in ((False, "first"), (True, "second")):
        with whole_folder(out, force) as part:
            (part / "run.json").write_text(text)
    assert (out / "run.json").read_text() == "second"
    with pytest.raises(InputError, match=r"run exists already; choose another --out, or add --force"):
        whole_folder(out, force=False).__enter__()
    assert list(tmp_path.iterdir()) == [out]


def test_force_replaces_nothing_but_a_run_folder(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("years of work")
    for target in (thesis, thesis / "chapter.tex"):
        with pytest.raises(InputError, match="no run folder"):
            whole_folder(target, force=True).__enter__()
    assert (thesis / "chapter.tex").read_text() == "years of work"


def test_a_run_folder_with_something_of_the_users_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for force in (False, True):
        with whole_folder(out, force) as part:
            (part / "run.json").write_text("{}")
    (out / "notes.txt").write_text("what I saw")
    with pytest.raises(InputError, match=r"run holds notes\.txt, which no run has written, and --force replaces"):
        whole_folder(out, force=True).__enter__()
    assert (out / "notes.txt").read_text() == "what I saw"


@pytest.mark.parametrize("force", [False, True])
def test_what_was_put_there_while_the_run_was_written_stays(tmp_path: Path, force: bool) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match="someone else"), whole_folder(out, force) as part:  # noqa: PT012
        (part / "run.json").write_text("{}")
        out.mkdir()
        (out / "thesis.tex").write_text("years of work")
    assert (out / "thesis.tex").read_text() == "years of work"
    assert list(tmp_path.iterdir()) == [out]


def test_of_two_writers_one_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(InputError, match="someone else"), whole_folder(out, force=False) as slow:  # noqa: PT012
        (slow / "run.json").write_text("slow")
        with whole_folder(out, force=False) as fast:
            (fast / "run.json").write_text("fast")
    assert (out / "run.json").read_text() == "fast"
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for force in (False, True):
        with pytest.raises(InputError, match="exists already" if not force else "no run folder"):
            whole_folder(tmp_path / "link", force).__enter__()


def test_a_run_writes_no_other_names_than_those_known(finished: tuple[Result, Path]) -> None:
    """A folder with any other is taken for one that holds something of the user's."""
    assert {path.name for path in finished[1].iterdir()} <= set(NAMES)


@pytest.mark.parametrize("blocks", [0, 4, 100])
def test_a_full_disk_is_one_line_and_leaves_nothing(finished: tuple[Result, Path], tmp_path: Path, blocks: int) -> None:
    """No file may grow beyond so many KiB: the JSON, the spikes or a figure fails. HDF5 once ended the process here."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pickle, resource, sys\n"
        "from pathlib import Path\n"
        "from cerebellum.errors import CerebellumError\n"
        "from cerebellum.simulation.run import save\n"
        "result = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "most = 1024 * int(sys.argv[3])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "try:\n"
        "    save(result, Path(sys.argv[2]))\n"
        "except CerebellumError as error:\n"
        "    sys.exit(f'{error}')\n"
    )
    saved = tmp_path / "result.pickle"
    saved.write_bytes(pickle.dumps(finished[0]))
    out = tmp_path / "runs" / "run"
    command = [sys.executable, str(script), str(saved), str(out), str(blocks)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr == f"{out} could not be written, and nothing of it is left: [Errno 27] File too large\n"
    assert list(out.parent.iterdir()) == []


def test_missing_parents_are_made_and_the_folder_is_readable(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "run"
    with whole_folder(out, force=False) as part:
        assert part.parent == out.parent  # the same disk, so that the rename is one step
        (part / "x").write_text("x")
    assert (out.stat().st_mode & 0o777) == 0o755


def test_json_has_plain_numbers_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": np.float32(1.5), "b": [np.nan, np.inf, 2], 3: np.arange(2), "c": np.bool_(True), "d": None})
    text = path.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text) == {"a": 1.5, "b": [None, None, 2], "3": [0, 1], "c": True, "d": None}


def test_a_run_folder_has_what_the_contract_says(finished: tuple[Result, Path]) -> None:
    _, out = finished
    assert {path.name for path in out.iterdir()} == {
        "run.json", "summary.json", "report.html", "trials.csv", "spikes.nwb", "weights.npz", "readers.npz", "figures",
    }  # fmt: skip
    pictures = {path.name for path in (out / "figures").iterdir()}
    assert {"circuit.png", "weights.png", "recall.png"} <= pictures
    assert {f"{Path(name).stem}.{suffix}" for name in pictures for suffix in ("png", "svg")} == pictures
    assert all(path.stat().st_size > 1000 for path in (out / "figures").iterdir())
    assert not [path for path in out.parent.iterdir() if path.name.startswith(".")]


def test_the_summary_has_the_names_of_the_contract(finished: tuple[Result, Path]) -> None:
    result, out = finished
    saved = open_run(out)
    for pair in ("purkinje_vs_sdm_exact", "purkinje_vs_sdm", "purkinje_vs_attention", "rate_vs_sdm_exact",
                 "granule_vs_sdm", "sdm_vs_sdm_exact", "sdm_vs_attention"):  # fmt: skip
        assert {"r2", "identity", "tv"} <= set(saved.summary["agreement"][pair])
        assert saved.summary["agreement"][pair]["r2"] == result.summary["agreement"][pair]["r2"]
    for control in ("no_plasticity", "climbing_fibers_shuffled", "weights_shuffled", "pointers_exchanged"):
        assert {"mean", "low", "high"} <= set(saved.summary["agreement"]["controls"][control]), control
    for rival in ("indicator", "linear", "softmax_half", "softmax_one", "softmax_twice", "exact", "granule"):
        assert {"identity", "others_identity"} <= set(saved.summary["agreement"]["rivals"]["purkinje"][rival]), rival
    assert {"sdm", "attention", "purkinje"} <= set(saved.summary["beta"])
    for reader in ("purkinje", "rate", "sdm", "sdm_exact", "attention"):
        assert {"bits", "patterns"} <= set(saved.summary["recall"][reader])
    assert saved.summary["timing"]["total"] > 0


def test_provenance_rebuilds_the_run(finished: tuple[Result, Path]) -> None:
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.protocol import Protocol

    result, out = finished
    told = open_run(out).provenance
    assert told["seed"] == 1
    assert told["engine"] == "both"
    assert told["versions"]["brian2"]
    assert Circuit.model_validate(told["model"]) == result.circuit
    assert Protocol.model_validate(told["protocol"]) == result.protocol


def test_spikes_come_back_from_nwb(finished: tuple[Result, Path]) -> None:
    result, out = finished
    back = open_run(out).spikes
    assert set(back) == set(result.spikes)
    for name, spikes in result.spikes.items():
        want, have = (np.lexsort((s.cell, s.time)) for s in (spikes, back[name]))
        assert np.array_equal(back[name].time[have], spikes.time[want])
        assert np.array_equal(back[name].cell[have], spikes.cell[want])


def test_nwb_has_a_row_for_every_cell_and_trial(finished: tuple[Result, Path]) -> None:
    from pynwb import NWBHDF5IO

    result, out = finished
    with NWBHDF5IO(str(out / "spikes.nwb"), "r") as io:
        file = io.read()
        units = file.units.to_dataframe()
        trials = file.trials.to_dataframe()
    sizes = {name: result.circuit.size(name) for name in result.circuit.population}
    assert units.groupby("population").size().to_dict() == sizes
    row = units[(units.population == "purkinje") & (units.cell == 5)].iloc[0]
    mine = result.spikes["purkinje"]
    late = row.spike_times - np.sort(mine.time[mine.cell == 5])
    assert np.all((late >= 0) & (late < result.circuit.dt / 64))  # short numbers, as `nwb.stored` says
    assert trials.role.tolist() == [trial.role for trial in result.schedule.trials]
    assert np.allclose(trials.start_time, [trial.start for trial in result.schedule.trials])


def test_nwb_passes_the_fields_reader(finished: tuple[Result, Path]) -> None:
    pynapple = pytest.importorskip("pynapple")
    result, out = finished
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cells with a single spike span no time
        data = pynapple.load_file(str(out / "spikes.nwb"))
        units = data["units"]
    assert len(units) == sum(result.circuit.size(name) for name in result.circuit.population)
    purkinje = units[np.asarray(units["population"]) == "purkinje"]
    assert sum(len(train) for train in purkinje.values()) == len(result.spikes["purkinje"])
    data.close()


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a run folder, it has no run\.json"):
        open_run(tmp_path)
