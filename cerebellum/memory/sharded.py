"""A large memory whose cells are shared out among ranks: every rank writes and reads its own, a read is one all-reduce.

    torchrun --nproc-per-node 4 -m cerebellum.memory --cells 1e9        gloo on CPUs, NCCL with --device cuda

A cell's inputs are a function of its number and sums are whole numbers, so any number of ranks gives the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from cerebellum.errors import ArgumentError, CerebellumError
from cerebellum.machine.device import choose_device
from cerebellum.memory.hard_locations import HardLocations
from cerebellum.memory.large import LargeMemory

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray


class Ranks:
    """The processes that torchrun started, or this one alone; a context.

    Parameters
    ----------
    device : "cpu" (gloo) or "cuda" (NCCL, each local rank on its own card)
    patience : seconds after which a rank that waits for the others gives up

    Attributes
    ----------
    rank, count : this process's number, and how many there are
    """

    def __init__(self, device: str = "cpu", patience: float = 600.0) -> None:
        if not patience > 0:
            raise ArgumentError("patience", patience, "must be above 0 seconds")
        self.device = choose_device(device).type
        self.patience = patience
        self.rank, self.count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))

    def __enter__(self) -> Ranks:
        if self.device == "cuda":
            local = int(os.environ.get("LOCAL_RANK", "0"))
            if local >= torch.cuda.device_count():
                raise ArgumentError(
                    "nproc-per-node", local + 1, f"this machine has {torch.cuda.device_count()} CUDA devices"
                )
            torch.cuda.set_device(local)
        if self.count > 1:
            backend = "nccl" if self.device == "cuda" else "gloo"
            self._together(
                lambda: dist.init_process_group(backend, timeout=timedelta(seconds=self.patience)), "joining"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count > 1 and dist.is_initialized():
            if error is not None and self.device == "cuda":
                # NCCL's orderly end waits for the other ranks, one of which may be gone.
                dist.distributed_c10d._abort_process_group()
            else:
                dist.destroy_process_group()

    def share(self, cells: int) -> tuple[int, int]:
        """First and one after the last of this rank's cells: parts differ by one cell at most."""
        if cells < self.count:
            raise ArgumentError("cells", cells, f"must be at least one for each of {self.count} ranks")
        return cells * self.rank // self.count, cells * (self.rank + 1) // self.count

    def total(self, part: torch.Tensor) -> torch.Tensor:
        """Sum of every rank's tensor, in place, on every rank.

        Raises
        ------
        CerebellumError
            If a rank has ended or does not answer within `patience`.
        """
        if self.count > 1:
            self._together(lambda: dist.all_reduce(part), "adding up what the ranks have read")
            if part.is_cuda:
                torch.cuda.synchronize()  # a failure of the exchange shows here
        return part

    def _together(self, exchange: Callable[[], Any], doing: str) -> None:
        try:
            exchange()
        except (RuntimeError, ValueError) as error:
            raise CerebellumError(
                f"rank {self.rank} of {self.count}, {doing}: another rank has ended or did not answer within "
                f"{self.patience:g} s; its own message says why ({str(error).splitlines()[0]})"
            ) from error


class ShardedMemory:
    """`LargeMemory` over ranks: the same calls with the same arguments on every rank give every rank the whole answer.

    Parameters
    ----------
    ranks : an entered `Ranks`
    cells, inputs, outputs, settings : of the whole memory, as `LargeMemory` takes them
    """

    def __init__(self, ranks: Ranks, cells: int, inputs: HardLocations, outputs: int, **settings: Any) -> None:
        self.ranks = ranks
        self.part = LargeMemory(cells, inputs, outputs, device=ranks.device, part=ranks.share(cells), **settings)

    @property
    def nbytes(self) -> int:
        """Bytes held by this rank."""
        return self.part.nbytes

    def write(self, addresses: NDArray[Any] | torch.Tensor, pointers: NDArray[Any] | torch.Tensor) -> None:
        """As `LargeMemory.write`; no rank needs another."""
        self.part.write(addresses, pointers)

    def read(self, cues: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        """As `LargeMemory.read`; CerebellumError if a rank is gone."""
        return self.ranks.total(self.part.read(cues))

    def activity(self, cues: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        """As `LargeMemory.activity`; CerebellumError if a rank is gone."""
        return self.ranks.total(self.part.activity(cues))
