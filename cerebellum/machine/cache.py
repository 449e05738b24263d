"""Where what is dear to make and cheap to keep lies on disk: compiled objects, measured transfer functions."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """CEREBELLUM_CACHE, else `cerebellum` in the user's cache folder."""
    if chosen := os.environ.get("CEREBELLUM_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cerebellum"
