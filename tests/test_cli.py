"""The command line as a user meets it: what is printed, exit codes, and what is left on disk."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import networkx as nx
import pytest

from cerebellum.cli import commands
from cerebellum.cli.arguments import values_of

TINY = [
    "population.granule.count=100",
    "population.purkinje.count=64",
    "patterns.source=random",
    "patterns.count=3",
    "block.baseline.trial_duration=200",
    "block.baseline.window.duration=100",
    "block.read.cues_per_pattern=1",
    "block.read.noise=[0, 16]",
]


def tiny(*more: str) -> list[str]:
    return [word for pair in (*TINY, *more) for word in ("--set", pair)]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run the command line in this process and an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cerebellum", *arguments])
        try:
            commands.main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_handlers_of_signals_are_set_back_and_ignored_signals_stay_ignored(call, monkeypatch) -> None:
    def seen() -> None:
        handlers.append([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)])

    handlers: list[list[object]] = []
    monkeypatch.setattr(commands, "app", seen)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as of a job that a script puts into the background
    try:
        call("list")
        assert handlers[0][0] is signal.SIG_IGN
        assert isinstance(handlers[0][1], commands._Stop)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not handlers[0][1]
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_a_library_that_is_stopped_while_it_loads_is_a_stop(number, code, word, call, monkeypatch) -> None:
    """C extensions say `ImportError: initialization failed` then; no traceback of it."""

    def load() -> None:
        try:
            os.kill(os.getpid(), number)
        except SystemExit as stop:
            raise ImportError("initialization failed") from stop

    monkeypatch.setattr(commands, "app", load)
    before = signal.signal(number, signal.default_int_handler)  # a shell's background job has Ctrl-C ignored
    try:
        assert call("run") == (code, "", f"{word}\n")
    finally:
        signal.signal(number, before)


def test_list_has_every_shipped_file_with_its_title(call, root: Path) -> None:
    code, out, _ = call("list")
    assert code == 0
    for path in (*root.glob("models/*.toml"), *root.glob("protocols/*.toml")):
        assert path.stem in out
    assert "Kanerva's memory" in out


def test_show_prints_values_with_units_and_sources(call) -> None:
    code, out, _ = call("show", "kanerva")
    assert code == 0
    assert "population.granule.parameters.C_m" in out
    assert "3.22 pF" in out
    assert "cayco2017" in out
    code, out, _ = call("show", "recall")
    assert code == 0
    for word in ("Timeline", "baseline", "write", "read", "block.read.stimulus.cue.jitter", "0.05 ms"):
        assert word in out


def test_overlays_are_laid_over_a_model_and_marked(call) -> None:
    code, out, _ = call("show", "mouse", "--with", "vitro", "--with", "meanfield_wiring")
    assert code == 0
    assert "mouse_vitro: was 700 pA" in out
    assert "mouse_meanfield_wiring: was" in out
    assert "lorenzi2023: Lorenzi" in call("cite", "mouse", "--with", "meanfield_wiring")[1]
    assert "a good model" in call("check", "mouse_vitro", "--with", "meanfield_wiring")[1]
    code, _, error = call("run", "background", "--model", "mouse", "--with", "vitro", "--with", "stp")
    assert code == 2
    assert len(error.splitlines()) == 1
    assert "mouse_stp.toml contradicts" in error
    assert call("show", "recall", "--with", "vitro")[0] == 2
    assert "runs/none: there is no such run folder" in call("cite", "runs/none")[2]


def test_show_takes_settings(call) -> None:
    code, out, _ = call("show", "kanerva", "--set", "population.granule.count=77")
    assert code == 0
    assert "77" in out
    assert "set: on the command line" in out


def test_check_says_a_good_file_is_good(call, root: Path, tmp_path: Path) -> None:
    for name in ("kanerva", "recall", str(root / "models" / "jaeckel.toml")):
        code, out, _ = call("check", name)
        assert (code, "a good" in out) == (0, True)
    overlay = tmp_path / "fewer.toml"
    overlay.write_text("extends = 'recall'\n[patterns]\ncount = [5, '1', 'assumed: fewer']\n")
    assert call("check", str(overlay))[:2] == (0, f"{overlay}: a good protocol file\n")
    overlay.write_text("extends = 'kanerva'\ntitle = 'mine'\n")
    assert call("check", str(overlay))[:2] == (0, f"{overlay}: a good model file\n")


def test_check_tells_every_fault_and_exits_two(call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(
        "extends = 'jaeckel'\n"
        "[population.granule.parameters]\nC_m = [7.0, 'mV', 'cayco2017']\n"
        "[population.golgi]\ncount = [0, '1', 'assumed: x']\n"
    )
    code, out, err = call("check", str(bad))
    assert code == 2
    assert out == ""
    assert err.startswith("error: bad.toml: population.granule: C_m: needs a capacitance")
    assert "bad.toml: population.golgi.count: found 0; wanted at least 1" in err
    bad.write_text("extends = 'jaeckel'\n[projection.golgi_to_granule.weight]\nmatches = [1, '1', 'assumed: x']\n")
    code, _, err = call("check", str(bad))
    assert (code, "golgi_to_granule.weight.matches: found 1" in err) == (2, True)
    bad.write_text("title =")
    assert call("check", str(bad))[0] == 2


def test_cite_prints_the_references_of_the_values_used(call) -> None:
    code, out, _ = call("cite", "jaeckel")
    assert code == 0
    assert "jaeckel1989: Jaeckel LA (1989)" in out
    assert "values are assumed or fitted" in out
    assert call("cite", "recall")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "purkyne"], ["no model or protocol named 'purkyne'", "kanerva", "recall"]),
        (["check", "nowhere.toml"], ["nowhere.toml", "kanerva"]),
        (["cite", "purkyne"], ["kanerva"]),
        (["run", "recal"], ["no protocol named 'recal'", "recall"]),
        (
            ["run", "recall", "--model", "kanevra"],
            ["no model named 'kanevra' (did you mean 'kanerva'?)", "jaeckel, jaeckel_structured, kanerva"],
        ),
        (["run", "recall", "--engine", "analog"], ["analog", "spiking, rate, both"]),
        (["run", "recall", "--device", "tpu", "--engine", "rate"], ["tpu", "cpu"]),
        (["run", "recall", "--engine", "volley", "--dtype", "int8"], ["int8", "float32"]),
        (["run", "recall", "--device", "cpu"], ["device", "spiking: target, threads"]),
        (["run", "recall", "--target", "fpga"], ["fpga", "standalone"]),
        (["run", "recall", "--set", "patterns.count"], ["wanted KEY=VALUE"]),
        (["run", "recall", "--set", "patterns.cuont=3"], ["patterns.cuont", "patterns.count"]),
        (["run", "recall", "--set", "population.granul.count=3"], ["population.granule"]),
        (["run", "recall", "--set", "patterns.count=33", "--set", "patterns.source=random"], ["at most 32"]),
        (["run", "recall", "--set", "population.granule.count=900000000"], ["GiB"]),
        (["run", "recall", "--seed", "-1"], ["--seed"]),
        (["run", "recall", "--seed", "one"], ["--seed"]),
        (["run"], ["Missing argument"]),
        (["run", "recall", "--set", "lesion=3"], ["lesion: found 3; wanted a list"]),
        (["run", "recall", "--set", 'block.read.noise=["a"]'], ["noise.0: found 'a'; wanted a whole number"]),
        (["walk"], ["walk"]),
        (["graph", "kanevra", "--out", "x.graphml"], ["jaeckel, jaeckel_structured, kanerva"]),
        (["graph", "jaeckel", "--out", "x.graphml", "--cells", "nothing"], ["no projection named 'nothing'"]),
        (["compare", "nothing", "nowhere"], ["nothing", "not a run folder"]),
    ],
)
def test_the_users_fault_exits_two_says_what_is_wanted_and_writes_nothing(
    call, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    code, _, err = call(*arguments)
    assert code == 2, err
    assert all(word in err for word in words), err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_run_prints_a_table_and_writes_a_folder_and_compare_reads_two(call, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        code, out, err = call("run", "recall", "--model", "jaeckel", "--engine", "rate", "--seed", seed, *tiny())
        assert (code, err) == (0, "")
        assert "Recall" in out
        assert "SDM, this connectome" in out
        assert f"runs/recall-jaeckel-rate-{seed}" in out
    runs = tmp_path / "runs"
    assert sorted(path.name for path in runs.iterdir()) == ["recall-jaeckel-rate-1", "recall-jaeckel-rate-2"]
    code, out, _ = call("compare", *(str(path) for path in sorted(runs.iterdir())))
    assert code == 0
    assert "agreement.rate_vs_sdm_exact.r2" in out
    code, _, err = call("run", "recall", "--model", "jaeckel", "--engine", "rate", *tiny())
    assert (code, "exists already" in err) == (2, True)
    code, _, _ = call("run", "recall", "--model", "jaeckel", "--engine", "rate", "--force", *tiny())
    assert code == 0


def test_runs_are_listed_and_run_again(call, tmp_path: Path) -> None:
    assert call("run", "recall", "--model", "jaeckel", "--engine", "volley", *tiny())[0] == 0
    code, out, _ = call("runs")
    assert code == 0
    assert "recall-jaeckel-volley-1" in out
    assert "Recall on Jaeckel's memory" in out
    folder = str(tmp_path / "runs" / "recall-jaeckel-volley-1")
    code, out, _ = call("run", folder)
    assert (code, "The same" in out) == (0, True)
    code, _, err = call("run", folder, "--seed", "2")
    assert (code, "--seed: a run folder is run again as it was" in err) == (2, True)
    code, out, _ = call("report", folder)
    assert (code, "open it in a browser" in out) == (0, True)
    code, _, err = call("report", str(tmp_path))
    assert (code, err.count("\n"), "not a run folder" in err) == (2, 1, True)


def test_inner_tables_that_were_damaged_by_hand_are_one_line(call, tmp_path: Path) -> None:
    """Not a number, no table, a key too few: whatever of them a command comes upon."""
    assert call("run", "recall", "--model", "jaeckel", "--engine", "volley", *tiny(), "--out", "runs/a")[0] == 0
    path = tmp_path / "runs" / "a" / "summary.json"
    whole = json.loads(path.read_text())
    for damage in ({"rate": 3}, {"rate": {"patterns": "all"}}, {"rate": {"bits": 1}}):
        path.write_text(json.dumps(whole | {"recall": damage}))
        code, out, _ = call("runs")
        assert (code, "damaged" in out) == (0, True), damage
        code, _, err = call("report", "runs/a")
        assert (code, err.count("\n"), "summary.json: not as a run leaves it" in err) == (2, 1, True), err


def test_values_of_a_sweep_are_parted_by_commas_outside_lists_and_texts() -> None:
    assert values_of("1,2, 3") == ["1", "2", "3"]
    assert values_of("[0, 6],[0, 12]") == ["[0, 6]", "[0, 12]"]
    assert values_of('{ a = [1, 2] },"x, y"') == ["{ a = [1, 2] }", '"x, y"']


def test_the_version_and_the_model_are_said(call) -> None:
    assert call("--version")[:2] == (0, "cerebellum 0.1.0\n")
    code, _, err = call("run", "recall", "--set", "patterns.cout=3")
    assert code == 2
    assert err.startswith("model: kanerva, the first that the protocol is made for\n")
    assert "no such key (did you mean 'patterns.count'?)" in err


def test_graph_writes_graphml_and_asks_before_replacing(call, tmp_path: Path) -> None:
    out = str(tmp_path / "jaeckel.graphml")
    few = ("--set", "population.granule.count=50", "--set", "population.purkinje.count=64")
    assert call("graph", "jaeckel", "--out", out, *few)[0] == 0
    assert "mossy_fiber" in nx.read_graphml(out, force_multigraph=True)
    assert call("graph", "jaeckel", "--out", out, *few)[0] == 2
    code, said, _ = call("graph", "jaeckel", "--out", out, "--force", "--cells", "mossy_fiber_to_granule", *few)
    assert (code, "200 edges" in said) == (0, True)
    code, _, said = call("graph", "jaeckel", "--out", str(tmp_path), "--force", *few)
    assert (code, "exists already; choose another --out\n" in said) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["jaeckel.graphml"]


def test_a_place_that_cannot_be_written_is_refused_before_any_work(call, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code, _, err = call(
        "run", "recall", "--model", "jaeckel", "--engine", "rate", "--out", str(blocked / "run"), *tiny()
    )
    assert code == 2
    assert "cannot write" in err


def test_anything_else_exits_one(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "compiler"
    broken.write_text('#!/bin/sh\ncase "$1" in --version) echo broken;; *) echo no space left >&2; exit 1;; esac\n')
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    out = tmp_path / "run"
    code, _, err = call("run", "recall", "--model", "jaeckel", "--out", str(out), *tiny())
    assert code == 1
    assert "error: " in err  # Brian2 adds a warning of its own about the compiler
    assert "no space left" in err
    assert not out.exists()


@pytest.mark.filterwarnings("default")  # shown, as for a user, not raised
def test_without_a_compiler_in_the_path_it_warns_and_runs_on_numpy(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.delenv("CXX", raising=False)
    few = tiny("patterns.count=1", "block.read.noise=[0]", "block.baseline.trial_duration=120",
               "block.baseline.window.duration=20")  # fmt: skip
    code, out, err = call("run", "recall", "--model", "jaeckel", *few)
    assert code == 0, err
    assert "warning: no C++ compiler found" in err
    assert "Run folder" in out


def test_plot_writes_a_figure_or_says_what_is_missing(call, tmp_path: Path) -> None:
    assert call("run", "recall", "--model", "jaeckel", "--engine", "volley", *tiny(), "--out", "run")[0] == 0
    assert call("plot", "run", "--figure", "weights")[0] == 0
    assert (tmp_path / "run-weights.pdf").read_bytes().startswith(b"%PDF")
    code, _, err = call("plot", "run", "--figure", "weights")
    assert (code, "run-weights.pdf exists already" in err) == (2, True)
    code, _, err = call("plot", "run", "--figure", "raster")
    assert (code, err.count("\n"), "has no spikes to draw" in err) == (2, 1, True)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "table.csv").write_text("a.b,seed,found\n1,1,2.0\n2,1,3.0\n")
    assert call("plot", "sweep", "--figure", "found", "--format", "svg")[0] == 0
    code, _, err = call("plot", "sweep", "--figure", "fund")
    assert (code, "did you mean 'found'?" in err) == (2, True)


def test_a_shipped_name_is_the_file_whatever_folder_lies_here(call, tmp_path: Path) -> None:
    (tmp_path / "kanerva").mkdir()
    code, out, _ = call("cite", "kanerva")
    assert code == 0
    assert "values are assumed or fitted" in out
    (tmp_path / "mine").mkdir()
    code, _, err = call("export", "mine", "--out", "made", "--seed", "2")
    assert (code, "a run has its own protocol, seed and settings" in err) == (2, True)
    for command in (("cite", "mine"), ("export", "mine", "--out", "made")):
        code, _, err = call(*command, "--with", "vitro")
        assert (code, len(err.splitlines())) == (2, 1)
        assert "--with vitro: mine is a run" in err
    assert not (tmp_path / "made").exists()
