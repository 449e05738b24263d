"""Copies of state variables at chosen steps of a run, on every target. Part of the spiking engine: imports brian2.

In a compiled run the program writes them itself. What is copied decides its text; when, and of which cells, it reads
from a file, so that another plan of trials compiles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import brian2 as b2
import numpy as np

from cerebellum.errors import CerebellumError
from cerebellum.experiment.records import Span
from cerebellum.spiking.independent import HEADER
from cerebellum.typing import Floats, Ints


@dataclass
class Recorder:
    """What is copied, and the copies.

    Attributes
    ----------
    name : of its own, an identifier
    variables : key -> group or synapses, the name of their variable, and how many elements it has
    cells : copied elements of every variable; None for all
    spans : in order, apart
    when : 'start' of a step, before anything happens in it, 'after_thresholds', before spikes reset cells, or 'end'
    """

    name: str
    variables: dict[str, tuple[Any, str, int]]
    cells: Ints | None
    spans: Sequence[Span]
    when: Literal["start", "after_thresholds", "end"]
    kept: list[dict[str, Floats]] = field(default_factory=list)

    @property
    def steps(self) -> Ints:
        """The steps of the copies, shape (copies,)."""
        return np.concatenate([np.empty(0, np.int64), *(np.arange(*span) for span in self.spans)])

    @property
    def file(self) -> str:
        """Name of the file that the compiled program writes."""
        return f"{self.name}.copies"

    def operation(self, clock: Any) -> Any:
        """The Brian2 object that copies, on a target in Python."""
        due = set(self.steps.tolist())

        def copy() -> None:
            if clock.variables["timestep"].get_value().item() in due:
                self.kept.append(
                    {key: self._chosen(np.asarray(getattr(owner, f"{name}_")[:])) for key, (owner, name, _) in
                     self.variables.items()}
                )  # fmt: skip

        return b2.NetworkOperation(copy, clock=clock, when=self.when, name=f"copies_{self.name}")

    def _chosen(self, values: Floats) -> Floats:
        return values.copy() if self.cells is None else values[self.cells]

    def compiled_operation(self, clock: Any) -> Any:
        """The Brian2 object that copies, as part of a compiled program."""
        copy = b2.Function(lambda step: step, arg_units=[1], return_unit=1, stateless=False)
        headers = {"headers": [f'"{HEADER}"']}
        copy.implementations.add_implementation("cpp", self._text(), name=f"copy_{self.name}", compiler_kwds=headers)
        group = b2.NeuronGroup(
            1, "copied : 1", namespace={f"copy_{self.name}": copy}, clock=clock, name=f"copies_{self.name}"
        )
        group.run_regularly(
            f"copied = copy_{self.name}(t_in_timesteps)", clock=clock, when=self.when, name=f"copying_{self.name}"
        )
        return group

    def _text(self) -> str:
        lines = []
        for owner, name, size in self.variables.values():
            variable = owner.variables[name]
            array = f"brian::{b2.get_device().get_array_name(variable, access_data=False)}"
            dynamic = hasattr(variable, "resize")
            lines.append(f"copies.put({array}{'.data()' if dynamic else ''}, {size});")
        return _TEXT.replace("NAME", self.name).replace("PUT", "\n    ".join(lines))

    def write_plan(self, folder: Path) -> None:
        """What the compiled program reads: number of spans, the spans, number of cells (-1 for all), the cells."""
        cells = [-1] if self.cells is None else [len(self.cells), *self.cells]
        plan = [len(self.spans), *(number for span in self.spans for number in span), *cells]
        np.array(plan, dtype=np.int64).tofile(folder / f"{self.name}.plan")

    def read(self, folder: Path) -> None:
        """Take up what the compiled program has written.

        Raises
        ------
        CerebellumError
            If it is not all there.
        """
        widths = {key: size if self.cells is None else len(self.cells) for key, (*_, size) in self.variables.items()}
        total, copies = sum(widths.values()), len(self.steps)
        path = folder / self.file
        if not copies * total:
            rows = np.empty((copies, total))
        elif not path.exists() or path.stat().st_size != 8 * copies * total:
            raise CerebellumError(f"{self.name}: not all copies came back from the simulation; is the disk full?")
        else:
            rows = np.fromfile(path).reshape(copies, total)
        ends = np.cumsum([0, *widths.values()])
        self.kept = [
            {key: row[first:last] for key, first, last in zip(widths, ends, ends[1:], strict=False)} for row in rows
        ]


_TEXT = """
struct Copies_NAME {
    std::vector<int64_t> plan, cells;
    int64_t at = 0, spans = 0;
    bool all = true;
    std::ofstream out;
    std::string at_line = "none yet";
    Copies_NAME() {
        written().push_back(&out);
        std::ifstream file("NAME.plan", std::ios::binary);
        int64_t number;
        while (file.read(reinterpret_cast<char*>(&number), sizeof(number))) plan.push_back(number);
        spans = plan.at(0);
        all = plan.at(3 * spans + 1) < 0;
        if (!all) cells.assign(plan.begin() + 3 * spans + 2, plan.end());
    }
    bool due(int64_t step) {
        while (at < spans && step >= plan[3 * at + 2]) at++;
        if (at >= spans) return false;
        const int64_t first = plan[3 * at + 1];
        return step >= first && (step - first) % plan[3 * at + 3] == 0;
    }
    template <typename scalar> void put(const scalar* values, size_t size) {
        if (at_line != line()) {  // a file for the main line of the run, and one for each independent trial
            at_line = line();
            out.close();
            out.open("NAME.copies" + at_line, std::ios::binary | std::ios::app);
        }
        std::vector<double> row;
        if (all) row.assign(values, values + size);
        else for (int64_t cell : cells) row.push_back(values[cell]);
        out.write(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(double));
    }
};
double copy_NAME(double step) {
    static Copies_NAME copies;
    if (copies.due(static_cast<int64_t>(step))) {
    PUT
    }
    return 0;
}
"""
