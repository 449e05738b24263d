"""A SONATA network that `export` wrote, as a connectome again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit
from cerebellum.description.edges import Edges, ordered
from cerebellum.description.schema import parse
from cerebellum.errors import InputError, ModelFileError, shortened
from cerebellum.exchange.sonata import EDGES, NODES, Pathway, pathways
from cerebellum.typing import Floats

if TYPE_CHECKING:
    import h5py

DESCRIPTION = "model.json"
WHOLE = 1e-9
"""How far a weight may lie from a whole number of contacts and count as one: what floating point adds."""


def read_sonata(folder: str | Path) -> Connectome:
    """The connectome in a folder of `export`.

    Places, synapses and their weights are those of the SONATA files, which may have been edited since: a synapse may
    go, come, or weigh more (`contacts` then need not be whole; of a projection that learns, `learned` has it). What
    SONATA has no word for (plasticity, short-term plasticity, gap junctions, how cells differ) is drawn again from the
    description and the seed beside them.

    Raises
    ------
    InputError
        If it is no such folder, a file is damaged, or its synapses differ in a way that a connectome cannot have:
        in their delays.
    """
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        raise InputError(f"{folder}: not an export, it has no {DESCRIPTION}; wanted a folder of `cerebellum export`")
    try:
        told = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        drawn = sample(parse(Circuit, told["model"], DESCRIPTION, ModelFileError), int(told["seed"]))
        return _laid_over(drawn, folder)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        why = shortened(" ".join(str(error).split()), 120)
        raise InputError(f"{folder}: damaged, cannot be read ({why}); export again with --force") from error


def _laid_over(drawn: Connectome, folder: Path) -> Connectome:
    import h5py

    edges, learned, positions = {}, {}, {}
    with h5py.File(folder / NODES, "r") as nodes:
        for name in drawn.circuit.population:
            group = nodes[f"nodes/{name}"]
            if len(group["node_type_id"]) != drawn.size(name):
                raise InputError(
                    f"{NODES}: {name}: found {len(group['node_type_id'])} cells; wanted the {drawn.size(name)} of "
                    f"{DESCRIPTION}"
                )
            if name in drawn.positions:
                positions[name] = np.stack([group[f"0/{axis}"][:] for axis in "xyz"], axis=1) / 1e6
    with h5py.File(folder / EDGES, "r") as file:
        for one in pathways(drawn):
            if one.name not in drawn.edges:
                continue  # afferents, which are part of the description
            learns = drawn.circuit.projection[one.name].plasticity is not None
            group = file[f"edges/{one.name}"]
            # Of a weight of 0 that is never learned the contacts are told by nothing else.
            found, weight = _synapses(group, one, drawn, "0/syn_weight" if one.one or learns else "0/nsyns")
            if learns:
                _, contacts = _synapses(group, one, drawn, "0/nsyns")
                each = weight / contacts
                edges[one.name] = found if (contacts == 1.0).all() else Edges(found.pre, found.post, contacts)
                if not np.allclose(each, one.one, rtol=WHOLE, atol=0.0):
                    learned[one.name] = each / one.unit
            else:
                edges[one.name] = _with_contacts(found, weight, one, drawn)
    return replace(drawn, edges=edges, positions=positions, learned=learned)


def _synapses(group: h5py.Group, one: Pathway, drawn: Connectome, key: str) -> tuple[Edges, Floats]:
    """Synapses ordered as a connectome has them, and the number of each under `key`."""
    pre, post = (np.asarray(group[f"{end}_node_id"][:]).astype(np.int32) for end in ("source", "target"))
    for ids, population in ((pre, one.source), (post, one.target)):
        if len(ids) and not 0 <= ids.min() <= ids.max() < drawn.size(population):
            raise InputError(f"{EDGES}: {one.name}: a cell that {population} does not have; wanted 0 to "
                             f"{drawn.size(population) - 1}")  # fmt: skip
    delay = np.unique(group["0/delay"][:])
    if len(delay) and not np.allclose(delay, one.delay, rtol=1e-12, atol=0.0):
        raise InputError(f"{EDGES}: {one.name}: found delays of {_listed(delay)} ms; wanted {one.delay:g} ms for all")
    found = ordered(pre, post, np.asarray(group[key][:], dtype=float))
    assert found.contacts is not None
    return Edges(found.pre, found.post), found.contacts


def _with_contacts(edges: Edges, weight: Floats, one: Pathway, drawn: Connectome) -> Edges:
    """The synapses with the contacts that their weights make, whole ones to rounding."""
    contacts = weight / (one.one or 1.0)
    whole = np.rint(contacts)
    contacts = np.where(np.abs(contacts - whole) <= WHOLE * np.abs(whole), whole, contacts)
    if drawn.circuit.projection[one.name].contacts is None and (contacts == 1.0).all():
        return edges
    return Edges(edges.pre, edges.post, contacts)


def _listed(numbers: Floats | Any) -> str:
    few = ", ".join(f"{number:g}" for number in numbers[:3])
    return few + (f" and {len(numbers) - 3} others" if len(numbers) > 3 else "")
