"""Ranks: two and four processes give the sums of one, bit for bit; a rank that dies ends the job and says so."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cerebellum.errors import ArgumentError, CerebellumError
from cerebellum.memory import __main__
from cerebellum.memory.hard_locations import DendriteCells, HammingCells
from cerebellum.memory.sharded import Ranks, ShardedMemory

HAMMING = ["--cells", "3e5", "--radius", "19", "--noise", "4"]
DENDRITES = [
    "--cells",
    "50001",
    "--bits",
    "256",
    "--dendrites",
    "4",
    "--threshold",
    "3",
    "--store",
    "dense",
    "--patterns",
    "9",
]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
# Rank 1 ends without a word, as if killed, while rank 0 waits for its part of a read.
DYING = """
import os, sys, numpy as np
from cerebellum.errors import CerebellumError
from cerebellum.memory.hard_locations import HammingCells
from cerebellum.memory.sharded import Ranks, ShardedMemory
with Ranks() as ranks:
    memory = ShardedMemory(ranks, 1000, HammingCells(64, 28), 8)
    addresses = np.eye(8, 64, dtype=int)
    memory.write(addresses, addresses[:, :8])
    if ranks.rank == 1:
        os._exit(9)
    memory.read(addresses)
"""


def environment(rank: int, count: int, port: int) -> dict[str, str]:
    names = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "MASTER_PORT": port}
    return {**os.environ, "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"} | {k: str(v) for k, v in names.items()}


def started(command: list[str], count: int) -> list[subprocess.Popen[str]]:
    """The command once for each rank, as torchrun would start it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        subprocess.Popen(
            command, env=environment(rank, count, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for rank in range(count)
    ]


def alone(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict:
    assert __main__.main(arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("count", "arguments"), [(2, DENDRITES), (4, HAMMING)], ids=["2", "4"])
def test_ranks_give_the_sums_of_one_process(
    count: int, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    processes = started([sys.executable, "-m", "cerebellum.memory", *arguments], count)
    outputs = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, outputs
    assert [bool(out) for out, _ in outputs] == [True] + [False] * (count - 1)
    together, one = json.loads(outputs[0][0]), alone(arguments, capsys)
    assert together["ranks"] == count
    assert together["sums"] == one["sums"]
    assert together["active"] == one["active"]


def test_a_dead_rank_ends_the_job_of_torchrun(tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(DYING)
    start = time.monotonic()
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*TORCHRUN, "2", str(script)], capture_output=True, text=True, timeout=100, env=environ)
    assert done.returncode == 1
    assert time.monotonic() - start < 60
    assert "exitcode  : 9" in done.stderr


def test_the_rank_that_waited_says_what_happened(tmp_path: Path) -> None:
    first, second = started([sys.executable, "-c", DYING], 2)
    _, message = first.communicate(timeout=100)
    second.communicate(timeout=100)
    assert (first.returncode, second.returncode) == (1, 9)
    assert "rank 0 of 2, adding up what the ranks have read: another rank has ended" in message


def test_one_process_needs_no_group() -> None:
    rng = np.random.default_rng(0)
    written = rng.integers(0, 2, (5, 64))
    with Ranks() as ranks:
        memory = ShardedMemory(ranks, 2000, HammingCells(64, 28), 64, store="sparse")
        memory.write(written, written)
        assert not torch.distributed.is_initialized()
        assert torch.equal(memory.read(written), memory.part.read(written))
        assert memory.activity(written).tolist() == [len(cells) for cells in memory.part.active(written)]
        assert memory.nbytes == memory.part.nbytes


def test_parts_cover_all_cells_once() -> None:
    ranks = Ranks()
    ranks.count, ends = 7, [0]
    for ranks.rank in range(7):
        first, last = ranks.share(1003)
        assert first == ends[-1]
        assert last - first in (143, 144)
        ends.append(last)
    assert ends[-1] == 1003
    with pytest.raises(ArgumentError, match="at least one for each of 7 ranks"):
        ranks.share(6)


def test_a_rank_that_never_comes_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in environment(0, 2, port).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CerebellumError, match=r"rank 0 of 2, joining: .* within 1 s"), Ranks(patience=1.0):
        pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cells", "1e15"], "what fits: "),
        (["--radius", "15", "--dendrites", "4"], "radius = 15"),
        (["--threshold", "3"], "threshold = 3"),
        (["--dendrites", "4", "--threshold", "5"], "threshold = 5"),
        (["--noise", "65"], "noise = 65"),
        (["--patience", "0"], "patience = 0"),
    ],
)
def test_a_wrong_request_ends_with_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_asked_for_and_absent(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["--device", "cuda"]) == 2
    assert "finds no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("inputs", "cells", "noise"),
    [
        (HammingCells(64, 15, 2), 10**6, 4),
        (HammingCells(64, 15, 2), 10**5, 0),
        (HammingCells(64, 19, 2), 10**5, 8),
        (DendriteCells(256, 4, 4, 2), 20_000, 40),
    ],
)
def test_recall_is_what_theory_expects(inputs: HammingCells | DendriteCells, cells: int, noise: int) -> None:
    found = __main__.measure(inputs, cells, patterns=256, noise=noise, store="sparse")
    recall, active = found["recall"], found["active"]
    # 256 patterns: their recalls differ by up to 0.5, so four standard errors are below 0.13 sqrt(recall (1 - recall)).
    spread = 4 * (recall["expected"] * (1 - recall["expected"]) / 256) ** 0.5
    assert 0.5 < recall["expected"] < 1.0
    assert abs(recall["measured"] - recall["expected"]) < max(spread, 1e-3)
    assert active["measured"] == pytest.approx(active["expected"], rel=4 / (256 * active["expected"]) ** 0.5)
