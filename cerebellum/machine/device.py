"""The torch device a user asks for."""

from __future__ import annotations

import torch

from cerebellum.errors import ArgumentError, ResourceError


def choose_device(name: str) -> torch.device:
    """The torch device of that name ('cpu' or 'cuda').

    Raises
    ------
    ResourceError
        If cuda is asked for and this torch or machine has none.
    """
    if name not in ("cpu", "cuda"):
        raise ArgumentError("device", name, "wanted 'cpu' or 'cuda'")
    if name == "cuda" and not torch.cuda.is_available():
        raise ResourceError(
            "device cuda: this torch finds no CUDA device; run with --device cpu, or install a CUDA build of torch"
        )
    return torch.device(name)


def free_bytes(device: torch.device) -> int:
    """Memory of the device that is free now."""
    if device.type == "cuda":
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + idle
    import psutil

    return int(psutil.virtual_memory().available)
