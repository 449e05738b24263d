"""Pages that are made from the code while the site is built."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import commands
import schema

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol

MERMAID = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
LINK = re.compile(r'href="([^":]+)\.md(#[^"]*)?"')
FLOOR = re.compile(r"subgraph \w+ \[(.*?)\]\n(.*?)\n    end", re.DOTALL)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """The repository's guide with links of the site; floors as boxes, as mermaid's library would be fetched."""
    if page.file.src_uri == "contributing.md":
        guide = Path(str(config.config_file_path)).with_name("CONTRIBUTING.md")
        markdown = guide.read_text(encoding="utf-8").replace("](docs/", "](")
    return MERMAID.sub(lambda found: _floors(found[1]), markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """In notebooks links to pages of the repository are those of the site."""
    return LINK.sub(r'href="\1.html\2"', output) if page.file.src_uri.endswith(".ipynb") else output


def _floors(diagram: str) -> str:
    boxes = [
        f"<div><b>{title}</b>{''.join(f'<code>{name}</code>' for name in names.split())}</div>"
        for title, names in FLOOR.findall(diagram)
    ]
    return f'<div class="floors">{"".join(boxes)}</div>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference of files and commands."""
    pages = {
        "reference/model_files.md": schema.page("Model files, key by key", Circuit),
        "reference/protocol_files.md": schema.page("Protocol files, key by key", Protocol),
        "reference/commands.md": commands.page(),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files
