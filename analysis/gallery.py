"""The gallery page of the documentation, made of what the claim modules left in the output folder.

``python -m analysis.gallery`` draws every figure again from its JSON, small, into ``docs/figures/``, gathers the
numbers in ``docs/figures/numbers.json``, and writes ``docs/gallery.md``. Claims without a JSON in the output folder are
named and left out: run them first, by ``cerebellum figures`` or ``python -m analysis.SUBJECT.NAME``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from analysis import evidence
from cerebellum.machine.atomic import whole_file

DOCS = evidence.FOLDER.parent / "docs"
GROUPS = {
    "The main figures of the paper": (
        "sdm_cartoon",
        "circle_intersection",
        "sdm_is_softmax",
        "learned_betas",
        "cerebellum_as_sdm",
    ),
    "Betas and the intersection": (
        "beta_table",
        "granule_betas",
        "softmax_comparison",
        "intersection_bounds",
        "exponential_approximation",
        "jaeckel_designs",
    ),
    "Reads, radii and capacity": (
        "read_shares",
        "convergence",
        "critical_distance",
        "query_convergence",
        "memory_capacity",
        "snr_simulation",
        "intersection_simulation",
        "empty_balls",
        "learned_projection",
    ),
    "The circuit": (
        "power_of_patterns",
        "spiking_matches_sdm",
        "digits_recalled",
        "in_degrees",
        "mouse_rates",
        "single_cells",
        "multirec_cells",
        "eglif_integration",
        "centre_surround",
        "interneuron_types",
        "olive_synchrony",
        "purkinje_ceiling",
        "zebrin_bands",
        "temporal_basis",
        "structured_wiring",
        "golgi_coupling",
        "brush_cells",
    ),
    "The mouse circuit as a memory": (
        "mouse_is_sdm",
        "longer_reads",
        "chosen_parameters",
        "granule_rest",
        "memory_parts",
        "mouse_beta",
        "sharper_granules",
        "circuit_capacity",
        "plasticity_balance",
    ),
    "Behaviour": ("eyeblink", "eyeblink_controls", "savings", "eye_movements", "vor_gain"),
    "The rate circuit": (
        "rate_matches_spiking",
        "rate_recalls_as_spiking",
        "rate_recalls_graded",
        "rate_circuit_models",
        "fit_awake_rates",
        "gradient_vs_climbing_fiber",
    ),
    "Large memories": ("scaling", "human_cerebellum"),
    "Transformers and the follow-up": (
        "transformer_betas",
        "heads_through_circuit",
        "interpretations",
        "sdm_layer_continual",
    ),
}
FIGURES = {
    "sdm_cartoon": "Fig. 1",
    "circle_intersection": "Fig. 2",
    "sdm_is_softmax": "Fig. 3",
    "learned_betas": "Fig. 4",
    "cerebellum_as_sdm": "Fig. 5",
}
LONGEST, TABLE = 24, 100  # numbers of a list, rows of a table that still go into numbers.json
HEAD = """# Gallery

The figures of Bricken & Pehlevan (2021), [Attention Approximates Sparse Distributed Memory][paper], made again from
this package, and what they show when measured. Every statement below was decided by the numbers of a run: a cross is a
result, not an error. `cerebellum figures [NAME ...]` makes them anew from a checkout, with all numbers as JSON beside
the published ones; a selection is in [numbers.json](figures/numbers.json). This page is written by
`python -m analysis.gallery`.

[paper]: https://arxiv.org/abs/2111.05498
"""


def build(source: Path = evidence.OUTPUT, docs: Path = DOCS) -> list[str]:
    """Write the page, its pictures and its numbers from the JSON files in `source`; returns the claims left out."""
    known = evidence.discover()
    grouped = {title: [name for name in names if name in known] for title, names in GROUPS.items()}
    listed = [name for names in grouped.values() for name in names]
    grouped["The simulated circuit"] = [name for name in known if name not in listed]
    (docs / "figures").mkdir(parents=True, exist_ok=True)
    page, gathered, missing = [HEAD], {}, []
    for title, names in grouped.items():
        sections = []
        for name in names:
            path = source / f"{name}.json"
            if not path.is_file():
                missing.append(name)
                continue
            content = json.loads(path.read_text(encoding="utf-8"))
            _picture(name, content["numbers"], docs / "figures" / f"{name}.png")
            gathered[name] = {
                "holds": content["holds"],
                "numbers": compact(content["numbers"]),
                "command": content["command"],
                "seconds": round(content["seconds"], 1),
            }
            sections.append(_section(name, content))
        if sections:
            page += [f"## {title}\n", *sections]
    with whole_file(docs / "gallery.md") as part:
        part.write_text("\n".join(page), encoding="utf-8")
    # a line for each claim: small, and a change shows where it belongs
    lines = [f'"{name}": {json.dumps(content, ensure_ascii=False)}' for name, content in gathered.items()]
    with whole_file(docs / "figures" / "numbers.json") as part:
        part.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return missing


def compact(value: Any) -> Any:
    """The same numbers to four digits, long lists and tables named by their length: those are in the JSON of a run."""
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items()}
    if isinstance(value, list):
        rows = any(isinstance(item, dict) for item in value)
        if len(value) > TABLE if rows else _size(value) > LONGEST:
            return f"{len(value)} rows" if rows else f"{_size(value)} numbers"
        return [compact(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _size(value: Any) -> int:
    """How many numbers a list holds, in all of its levels."""
    return sum(_size(item) for item in value) if isinstance(value, list) else 1


def _picture(name: str, numbers: dict[str, Any], path: Path) -> None:
    """The claim's figure at 100 dots an inch in 256 colours, without the caption, which the page has."""
    import io

    from PIL import Image

    drawn = io.BytesIO()
    evidence.load(name).draw(numbers).savefig(drawn, format="png", dpi=100, bbox_inches="tight")
    with whole_file(path) as part:
        Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(part, optimize=True)


def _section(name: str, content: dict[str, Any]) -> str:
    paper = f" ({FIGURES[name]})" if name in FIGURES else ""
    statements = [f"- {'✓' if value else '✗'} {text}" for text, value in content["holds"].items()]
    return "\n".join(
        [
            f"### {name}{paper}\n",
            f"**Claim: {content['claim']}**\n",
            f"![{name}](figures/{name}.png)\n",
            f"{' '.join(content['caption'].split())}\n",
            *statements,
            "",
            f"`python -m {evidence.module_name(name)}`, {content['seconds']:.0f} s\n",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m analysis.gallery", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--source", type=Path, default=evidence.OUTPUT, help="folder of the JSON files")
    left_out = build(parser.parse_args().source)
    print("left out, for want of a JSON: " + ", ".join(left_out) if left_out else "complete")
