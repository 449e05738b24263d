"""Pages that are made from the code while the site is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import commands
import schema

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol


def on_files(files: Files, config: Any) -> Files:
    """Add the reference of files and commands."""
    pages = {
        "reference/model_files.md": schema.page("Model files, key by key", Circuit),
        "reference/protocol_files.md": schema.page("Protocol files, key by key", Protocol),
        "reference/commands.md": commands.page(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files
