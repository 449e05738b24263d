"""Large memories: the generator's published vectors, cells against enumeration, sums against a plain numpy memory."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError, ResourceError
from cerebellum.memory import compiled_read, hamming, large, size
from cerebellum.memory.counters import LIMITS, SparseCounters
from cerebellum.memory.hard_locations import DendriteCells, HammingCells, HardLocations
from cerebellum.memory.large import LargeMemory
from cerebellum.memory.philox import philox
from cerebellum.memory.size import MemorySize

COMPILED = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(compiled_read.library() is None, reason="no C compiler")),
]
KINDS = {
    "hamming": HammingCells(64, 23, seed=3),  # 1.6% active: found and added pair by pair; the others by products
    "hamming, three words": HammingCells(150, 71, seed=3),
    "dendrites": DendriteCells(64, 4, 4, seed=3),
    "dendrites, threshold": DendriteCells(20, 16, 11, seed=3),
}
STORES = list(itertools.product(("dense", "sparse"), ("generated", "stored"), ("int8", "int16", "bfloat16", "float32")))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn_bits(rng: np.random.Generator, rows: int, n: int) -> np.ndarray:
    return rng.integers(0, 2, (rows, n), dtype=np.int8)


def fires(cells: HardLocations, count: int, addresses: np.ndarray) -> np.ndarray:
    """By definition, from the cells' inputs: bool (addresses, cells)."""
    inputs = cells.inputs(torch.arange(count)).numpy()
    if isinstance(cells, HammingCells):
        own = hamming.unpack(np.ascontiguousarray(inputs.T).view(np.uint64), cells.n)
        return (addresses[:, None, :].astype(bool) != own[None]).sum(axis=2) <= cells.radius
    assert isinstance(cells, DendriteCells)
    on = addresses[:, inputs // 2] == inputs % 2
    return on.sum(axis=1) >= cells.threshold


def plain(cells: HardLocations, count: int, limit: int, written: np.ndarray, pointers: np.ndarray) -> np.ndarray:
    """Counters after one write after another, each clipped: int64 (cells, outputs)."""
    counters = np.zeros((count, pointers.shape[1]), dtype=np.int64)
    for active, pointer in zip(fires(cells, count, written), 2 * pointers.astype(np.int64) - 1, strict=True):
        counters[active] = np.clip(counters[active] + pointer, -limit, limit)
    return counters


def in_whole_numbers(counter: list[int], key: list[int]) -> list[int]:
    """Philox-4x32-10, without a machine's words."""
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(high >> 32) ^ c[1] ^ k[0], high & 0xFFFFFFFF, (low >> 32) ^ c[3] ^ k[1], low & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # Random123, tests/kat_vectors, philox4x32 10
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_published_vectors(counter: str, key: str, words: str) -> None:
    def numbers(text: str) -> list[int]:
        return [int(word, 16) for word in text.split()]

    assert in_whole_numbers(numbers(counter), numbers(key)) == numbers(words)


@pytest.mark.parametrize("compiled", COMPILED)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1), st.integers(0, 5))
@example(0, 0, 0)
@settings(max_examples=30)
def test_words_are_philox(compiled: bool, cell: int, seed: int, block: int) -> None:
    found = philox(torch.tensor([0, cell, 1]), block + 1, seed, compiled)
    expected = in_whole_numbers([cell & 0xFFFFFFFF, cell >> 32, block, 0], [seed & 0xFFFFFFFF, seed >> 32])
    assert found[4 * block :, 1].tolist() == expected


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize("cells", KINDS.values(), ids=KINDS)
def test_cells_fire_by_definition(cells: HardLocations, compiled: bool) -> None:
    addresses = drawn_bits(np.random.default_rng(0), 70, cells.n)
    expected = fires(cells, 300, addresses)
    inputs = cells.inputs(torch.arange(300), compiled)
    assert torch.equal(inputs[:, 100:], cells.inputs(torch.arange(100, 300), compiled))
    cue, position = cells.search(inputs, cells.batch(torch.from_numpy(2 * addresses - 1)), compiled)
    assert (np.stack(np.nonzero(expected)) == np.stack((cue.numpy(), position.numpy()))).all()


@pytest.mark.parametrize("n", [64, 150])
def test_the_search_of_a_gpu_finds_the_same(n: int) -> None:
    cells, addresses = HammingCells(n, n // 2 - 5, 1), drawn_bits(np.random.default_rng(0), 9, n)
    signs = torch.from_numpy(2 * addresses - 1)
    inputs = cells.inputs(torch.arange(500))
    for found, wanted in zip(
        cells.by_product(inputs, signs.float()), cells.search(inputs, cells.batch(signs)), strict=True
    ):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("cells", KINDS.values(), ids=KINDS)
def test_as_many_cells_are_active_and_shared_as_the_kernel_says(cells: HardLocations) -> None:
    count, kernel = 20_000, cells.kernel()
    address = drawn_bits(np.random.default_rng(1), 1, cells.n)
    for distance in (0, 2, 6):
        other = address.copy()
        other[0, :distance] ^= 1
        shared = int(fires(cells, count, np.concatenate((address, other))).all(axis=0).sum())
        mean = count * kernel[distance]
        assert abs(shared - mean) < 4.5 * mean**0.5  # a Poisson count: wrong once in 1e5


def test_dendrites_read_every_set_of_bits_alike() -> None:
    cells, count = DendriteCells(5, 3, 3, seed=11), 30_000
    inputs = cells.inputs(torch.arange(count)).numpy()
    sets, counts = np.unique(np.sort(inputs // 2, axis=0), axis=1, return_counts=True)
    assert sets.shape == (3, 10)
    expected = count / 10
    assert ((counts - expected) ** 2 / expected).sum() < 33.7  # chi-squared of 9 degrees, 1 in 1e4
    assert abs((inputs % 2).mean() - 0.5) < 4 * 0.5 / (3 * count) ** 0.5


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize("cells", KINDS.values(), ids=KINDS)
def test_sums_are_those_of_a_plain_memory(
    cells: HardLocations, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "CPU_BLOCK", 256)
    rng = np.random.default_rng(2)
    written, pointers, cues = drawn_bits(rng, 9, cells.n), drawn_bits(rng, 9, 40), drawn_bits(rng, 70, cells.n)
    cues[:9] = written
    expected = fires(cells, 1001, cues).astype(np.int64) @ plain(cells, 1001, 100, written, pointers)
    for store, addresses, counters in STORES:
        memory = LargeMemory(
            1001, cells, 40, store=store, addresses=addresses, counters=counters, compiled=compiled, patterns=9
        )
        memory.write(written[:4], pointers[:4])
        memory.write(written[4:], pointers[4:])
        assert (memory.read(cues).numpy() == expected).all(), (store, addresses, counters)
    active = memory.active(cues)
    assert all(
        (np.flatnonzero(row) == got.numpy()).all() for row, got in zip(fires(cells, 1001, cues), active, strict=True)
    )
    assert memory.activity(cues).tolist() == [len(cell) for cell in active]


@pytest.mark.parametrize("store", ["dense", "sparse"])
@pytest.mark.parametrize("counters", ["int8", "bfloat16"])
def test_counters_saturate_one_write_after_another(counters: str, store: str) -> None:
    cells, rng = DendriteCells(8, 2, 1, seed=1), np.random.default_rng(3)
    written = drawn_bits(rng, 900, 8)
    pointers = (rng.random((900, 3)) < [0.9, 0.5, 0.2]).astype(np.int8)
    memory = LargeMemory(20, cells, 3, counters=counters, store=store)
    memory.write(written, pointers)
    expected = plain(cells, 20, LIMITS[counters], written, pointers)
    assert np.abs(expected).max() == LIMITS[counters]
    assert (memory.read(written[:5]).numpy() == fires(cells, 20, written[:5]).astype(np.int64) @ expected).all()


def test_a_sparse_store_holds_only_cells_ever_active() -> None:
    cells, rng = HammingCells(64, 18, seed=5), np.random.default_rng(4)
    memory, written = LargeMemory(200_000, cells, 16, store="sparse"), drawn_bits(rng, 6, 64)
    ever = torch.unique(torch.cat(memory.active(written)))
    for pattern in written:
        memory.write(pattern[None], pattern[None, :16])
    assert isinstance(memory.store, SparseCounters)
    assert torch.equal(memory.store.cells, ever)
    assert len(ever) < 2_000  # of 200,000: p = 3e-4
    assert memory.nbytes < 2 * len(ever) * (16 + 16)


def test_the_regime_of_the_paper_recalls() -> None:
    """n = 64, d = 15: p = 1.2e-5, so that 4 million cells have 50 active ones."""
    cells, rng = HammingCells(64, 15, seed=7), np.random.default_rng(5)
    assert cells.kernel()[0] == pytest.approx(1.2e-5, rel=0.02)
    memory, written = LargeMemory(4_000_000, cells, 64, store="sparse"), drawn_bits(rng, 20, 64)
    memory.write(written, written)
    assert ((memory.read(written) > 0).numpy() == written).all()
    counts = memory.activity(written).double()
    assert abs(float(counts.mean()) - 4e6 * cells.kernel()[0]) < 4.5 * (4e6 * cells.kernel()[0] / 20) ** 0.5


@pytest.mark.parametrize("cells", KINDS.values(), ids=KINDS)
def test_threads_and_parts_change_nothing(cells: HardLocations) -> None:
    rng = np.random.default_rng(6)
    written, cues = drawn_bits(rng, 8, cells.n), drawn_bits(rng, 20, cells.n)
    whole = LargeMemory(30_000, cells, 8)
    whole.write(written, written[:, :8])
    expected = whole.read(cues)
    torch.set_num_threads(2)
    parts = [LargeMemory(30_000, cells, 8, part=part) for part in ((0, 7_001), (7_001, 30_000))]
    for part in parts:
        part.write(written, written[:, :8])
    assert torch.equal(torch.stack([part.read(cues) for part in parts]).sum(dim=0), expected)


def test_what_does_not_fit_is_refused_before_it_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "free_bytes", lambda device: 2 * 2**30)
    cells = HammingCells(64, 15)
    with pytest.raises(ResourceError, match=r"need 64,300,000,000 bytes \(59.9 GiB\) on cpu.*store='sparse'"):
        LargeMemory(10**9, cells, 64)
    with pytest.raises(ResourceError, match="addresses='generated', counters='float32' with 100 patterns"):
        LargeMemory(10**9, cells, 64, store="sparse", addresses="stored", counters="float32", patterns=100)
    with pytest.raises(ResourceError, match=r"what fits: [\d,]+ cells with store='sparse'") as refused:
        LargeMemory(10**12, cells, 64, store="sparse", patterns=64)
    fitting = int(str(refused.value).split("what fits: ")[1].split()[0].replace(",", ""))
    assert 0.99 < MemorySize(fitting, cells, 64, store="sparse").needed(64) / 2**31 <= 1
    memory = LargeMemory(10**5, HammingCells(64, 30), 64, store="sparse")
    monkeypatch.setattr(size, "free_bytes", lambda device: 0)
    with pytest.raises(ResourceError, match="GiB are free"):
        memory.write(np.eye(64, dtype=int), np.eye(64, dtype=int))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LargeMemory(0, HammingCells(64, 15), 8), "cells = 0"),
        (lambda: LargeMemory(9, HammingCells(64, 15), 8, counters="int4"), "counters = 'int4'"),
        (lambda: LargeMemory(9, HammingCells(64, 15), 8, store="disk"), "store = 'disk'"),
        (lambda: LargeMemory(9, HammingCells(64, 15), 8, addresses="none"), "addresses = 'none'"),
        (lambda: LargeMemory(9, HammingCells(64, 15), 8, part=(3, 10)), "part = "),
        (lambda: LargeMemory(9, HammingCells(64, 15), 8, device="tpu"), "device = 'tpu'"),
        (lambda: HammingCells(64, 65), "radius = 65"),
        (lambda: HammingCells(64, 15, seed=-1), "seed = -1"),
        (lambda: DendriteCells(64, 17, 4), "dendrites = 17"),
        (lambda: DendriteCells(64, 4, 0), "threshold = 0"),
        (lambda: LargeMemory(9, HammingCells(8, 4), 8).read(np.zeros((1, 9), int)), "cues = "),
        (lambda: LargeMemory(9, HammingCells(8, 4), 8).write(np.zeros((2, 8), int), np.zeros((1, 8), int)), "pointers"),
        (lambda: LargeMemory(9, HammingCells(8, 4), 8).write(np.full((1, 8), 2), np.zeros((1, 8), int)), "addresses"),
    ],
)
def test_wrong_arguments_are_named(make: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()  # type: ignore[operator]


def test_a_machine_for_large_memories_needs_few_libraries() -> None:
    code = "import sys, cerebellum.memory; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"brian2", "pydantic", "pint", "pynwb", "matplotlib", "networkx"}.isdisjoint(done.stdout.split())


@pytest.mark.gpu
@pytest.mark.parametrize("cells", KINDS.values(), ids=KINDS)
def test_a_gpu_gives_the_same_sums(cells: HardLocations) -> None:
    rng = np.random.default_rng(8)
    written, cues = drawn_bits(rng, 50, cells.n), drawn_bits(rng, 300, cells.n)
    for store, addresses, counters in STORES:
        both = [
            LargeMemory(100_003, cells, 24, store=store, addresses=addresses, counters=counters, device=device)
            for device in ("cpu", "cuda")
        ]
        for memory in both:
            memory.write(written, written[:, :20].repeat(2, axis=1)[:, :24])
        assert torch.equal(both[0].read(cues), both[1].read(cues).cpu())
        assert torch.equal(both[0].activity(cues), both[1].activity(cues).cpu())
