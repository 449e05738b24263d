"""Trials that each begin in the state at their block's begin. Part of the spiking engine: imports brian2.

The compiled program forks at the block's begin, one child a trial and so many at a time as there are jobs: a child has
all of the state, of which the system copies only what it changes. It hands back its spikes and copies as files, which
the program takes up in the order of the trials, and so the results are those of one process. On the targets in Python
the state is stored and restored. Either way times that a state holds move with the clock, and cells' random numbers go
on elsewhere in each trial (`cells.renewal`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import brian2 as b2
import numpy as np
from brian2.devices.device import RuntimeDevice

from cerebellum.activity.spikes import Spikes
from cerebellum.experiment.stretches import Stretch
from cerebellum.typing import Ints

JOBS = "CEREBELLUM_JOBS"  # environment variable of the program: how many trials at a time
PLAN = "stretches.plan"
JUMPS = "jump_0 : 1 (shared)\njump_1 : 1 (shared)"
HEADER = "line.h"

_DRIVER = Template(Path(__file__).with_name("independent.cpp").read_text())
_RUN = re.compile(r"network\.run\(.*\);")
_RENEWED = re.compile(r" *network\.add\(&\w+, (_run_\w+_renewal_codeobject)\);\n")


@dataclass
class IndependentTrials:
    """What of a network has to do with them.

    Attributes
    ----------
    parts : of the run
    jumps : of each trial, shape (trials, 2)
    groups : all of the network's, by name
    renewal : group -> what its cell model draws anew
    monitors : of spikes
    """

    parts: Sequence[Stretch]
    jumps: Ints
    groups: Mapping[str, Any]
    renewal: Mapping[str, Mapping[str, str]]
    monitors: Mapping[str, Any]
    dt: float

    def __post_init__(self) -> None:
        self._fired: dict[str, list[tuple[Any, Any]]] = {name: [] for name in self.monitors}

    @property
    def _given(self) -> list[Any]:
        return [group for group in self.groups.values() if isinstance(group, b2.SpikeGeneratorGroup)]

    @property
    def _times(self) -> list[Any]:
        """State variables that are times of the run."""
        return [
            variable
            for group in self.groups.values()
            if isinstance(group, b2.NeuronGroup)
            for name, variable in group.variables.items()
            if variable.array and not variable.constant and variable.dim == b2.second.dim
            if variable.owner.name == group.name  # time itself is the clock's
        ]

    def write_plan(self, folder: Path) -> None:
        """What the compiled program reads: a row for each part, with the jumps of a trial."""
        none = [0, 0]
        rows = [
            [p.first, p.last, p.behind, p.trial, *(self.jumps[p.trial] if p.trial >= 0 else none)] for p in self.parts
        ]
        np.array(rows, dtype=np.int64).tofile(folder / PLAN)

    def driven(self, program: str, copies: Sequence[str]) -> str:
        """The part of the program that runs once, with what runs its parts; `copies` are files that recorders write."""
        renewals = _RENEWED.findall(program)
        listed = {
            "fired": [
                f"{{&{_array(monitor, 'i')}, &{_array(monitor, 't')}, {_array(monitor, 'N')}}}"
                for monitor in self.monitors.values()
            ],
            "given": [f"{{&{_array(group, '_timebins')}, {_array(group, '_lastindex')}}}" for group in self._given],
            "times": [f"{{brian::{_name(variable)}, {variable.size}}}" for variable in self._times],
            "jumps_0": [_array(self.groups[name], "jump_0") for name in self.renewal],
            "jumps_1": [_array(self.groups[name], "jump_1") for name in self.renewal],
            "copies": [f'"{name}"' for name in copies],
        }
        driver = _DRIVER.substitute(
            {key: ", ".join(each) for key, each in listed.items()},
            renewals=" ".join(f"{name}();" for name in renewals), header=HEADER, dt=repr(self.dt), jobs=JOBS, plan=PLAN,
        )  # fmt: skip
        program = _RUN.sub("independent::run(network);", _RENEWED.sub("", program))
        return program.replace("int main(", f"{driver}\nint main(", 1)

    def run(self, brian: Any, run: Callable[[float], None]) -> None:
        """All parts, on a target in Python; `run` takes the network on for a time (s)."""
        behind, stored = 0, False
        for part in self.parts:
            if part.trial < 0:
                if stored:
                    brian.restore("begin")
                    self._move(brian, part, behind)
                behind, stored = part.behind, False
                run((part.last - part.first) * self.dt)
                continue
            if not stored:
                brian.store("begin")
                stored = True
            brian.restore("begin")
            before = {name: len(monitor.i) for name, monitor in self.monitors.items()}
            self._move(brian, part, behind)
            for name, renewal in self.renewal.items():
                group = self.groups[name]
                group.jump_0, group.jump_1 = self.jumps[part.trial]
                for key, text in renewal.items():
                    setattr(group, key, text)
            run((part.last - part.first) * self.dt)
            for name, monitor in self.monitors.items():
                own = slice(before[name], None)
                time, cell = np.asarray(monitor.t / b2.second), np.asarray(monitor.i, np.int32)
                self._fired[name].append((time[own].copy(), cell[own].copy()))

    def _move(self, brian: Any, part: Stretch, behind: int) -> None:
        """Time goes on at another step than the one before."""
        for variable in self._times:
            variable.set_value(variable.get_value() + (part.behind - behind) * self.dt)
        for group in self._given:
            due = group.variables["_timebins"].get_value()
            group.variables["_lastindex"].set_value(np.searchsorted(due, part.first))
        brian.t_ = part.first * self.dt

    def joined(self, population: str, spikes: Spikes) -> Spikes:
        """The main line's spikes and those of the trials that a target in Python has run, ordered by time."""
        apart = self._fired[population]
        if not apart:
            return spikes
        time = np.concatenate([spikes.time, *(one for one, _ in apart)])
        cell = np.concatenate([spikes.cell, *(one for _, one in apart)])
        order = np.argsort(time, kind="stable")
        return Spikes(time[order], cell[order], spikes.dt)


def write_header(folder: Path) -> None:
    """What recorders and `IndependentTrials.driven` include."""
    shutil.copy(Path(__file__).with_name(HEADER), folder / HEADER)


def renewing(group: Any, renewal: Mapping[str, str]) -> None:
    """Let a group draw its random numbers anew where the compiled program asks for it."""
    if isinstance(b2.get_device(), RuntimeDevice):  # `run` does it
        return
    text = "\n".join(f"{key} = {expression}" for key, expression in renewal.items())
    group.run_regularly(text, name=f"{group.name}_renewal")


def _name(variable: Any) -> str:
    return str(b2.get_device().get_array_name(variable, access_data=False))


def _array(owner: Any, variable: str) -> str:
    return f"brian::{_name(owner.variables[variable])}"
