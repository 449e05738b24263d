"""Plasticity rules: how a teacher's spikes change the weights of the synapses that were active about then.

At every presynaptic spike, w <- w + alone + paired * sum over the teacher's spikes K(t_teacher - t_presynaptic),
clipped to [w_min, w_max]. The sum is applied one support of K after the presynaptic spike, when every teacher's spike
that can count has come; so the cost is per active synapse, silent synapses cost nothing, and any kernel shape is
possible. The rules differ in kernel, teacher and sign:

    climbing_fiber   parallel fibre to Purkinje: alone = +potentiation, paired = -depression; the write of the memory
    sdm              the same with K = 1 in a window and depression twice the potentiation: Kanerva's write of +-1
    stdp_alpha       parallel fibre to interneuron: alone = -depression, paired = +potentiation; climbing fibres teach
    stdp_cosexp      mossy fibre to nuclear: alone = +potentiation, paired = -depression; Purkinje cells teach
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import model_validator

from cerebellum.description.schema import ByKind, Duration, Rate, Remembered, SynapticWeight, Table
from cerebellum.description.timing_kernels import Alpha, CosExp, Kernel, Rectangular, TimingKernel
from cerebellum.description.units import Value
from cerebellum.errors import InputError, brief
from cerebellum.plugins import Registry
from cerebellum.typing import Floats

STDP_ALPHA = Alpha.model_validate(
    {"kind": "alpha", "peak": [50, "ms", "derived: the rule's own"], "window": [200, "ms", "derived: the rule's own"]}
)

PLASTICITY_RULES = Registry(
    "plasticity rule",
    "cerebellum.plasticity_rules",
    {
        "climbing_fiber": "cerebellum.description.plasticity:ClimbingFiberRule",
        "sdm": "cerebellum.description.plasticity:SdmRule",
        "stdp_alpha": "cerebellum.description.plasticity:StdpAlpha",
        "stdp_cosexp": "cerebellum.description.plasticity:StdpCosExp",
    },
)


class PlasticityRule(Table):
    """What all rules share. `teacher` names the projection to the same cells whose spikes teach."""

    kind: str
    teacher: str
    w_min: SynapticWeight
    w_max: SynapticWeight

    @property
    @abstractmethod
    def timing(self) -> TimingKernel:
        """K."""

    @property
    @abstractmethod
    def alone(self) -> float:
        """Change of weight at every presynaptic spike, A or S."""

    @property
    @abstractmethod
    def paired(self) -> float:
        """Change of weight at K = 1, for each of the teacher's spikes, A or S."""

    @property
    @abstractmethod
    def remembered(self) -> int:
        """Most teacher's spikes of one cell that can fall in one window; older ones are forgotten."""

    @property
    def forgets_on_purpose(self) -> bool:
        """Whether older ones are not to count, however many come."""
        return False

    @property
    def amounts(self) -> dict[str, Value]:
        """The file's weights and changes of weight; currents or conductances, as the projection's weight."""
        found = {key: getattr(self, key) for key in type(self).model_fields}
        return {
            key: v for key, v in found.items() if isinstance(v, Value) and v.dimension in ("current", "conductance")
        }

    @model_validator(mode="after")
    def _bounds(self) -> PlasticityRule:
        if len({value.dimension for value in self.amounts.values()}) > 1:
            given = ", ".join(f"{key} = {value}" for key, value in self.amounts.items())
            raise InputError(f"found {given}; wanted all of one dimension, that of the weight")
        if self.w_max.si <= self.w_min.si:
            raise InputError(f"w_max: found {self.w_max}; wanted more than w_min = {self.w_min}")
        return self

    def faults(self, population: str, teachers: dict[str, bool], dimension: str | None, contacts: bool) -> list[str]:
        """What does not fit the projection, each begun with the key at fault.

        Parameters
        ----------
        population : the target
        teachers : projections to it, and whether each is plastic itself
        dimension : of weights onto it; None if it has none
        contacts : whether the projection folds several contacts into one weight
        """
        faults = []
        if self.teacher not in teachers:
            known = ", ".join(teachers)
            faults.append(f".teacher: no projection {brief(self.teacher)} to {population}; there is: {known}")
        elif teachers[self.teacher]:
            faults.append(f".teacher: {self.teacher!r} learns itself; wanted a projection without plasticity")
        if dimension is None:
            faults.append(f": {population} cells have no weights to learn")
        else:
            faults += [
                f".{key}: needs a {dimension}, as weights onto {population}; got {value.unit!r} (a {value.dimension})"
                for key, value in self.amounts.items()
                if value.dimension != dimension
            ]
        if contacts:
            faults.append(": bounds are of one weight, not of a pair's folded contacts; wanted no contacts")
        return faults

    def weight_change(self, weight: Any, taught: Any) -> Any:
        """Weight change (A or S) of one presynaptic spike, before clipping to the bounds.

        A rule whose steps depend on the weight overrides this and `weight_change_text`, its twin.

        Parameters
        ----------
        weight : before the spike, A or S; numbers, numpy arrays or torch tensors, as `taught`
        taught : sum of K over the teacher's spikes; the two shapes broadcast
        """
        return self.alone + self.paired * taught

    def weight_change_text(self, weight: str, taught: str) -> str:
        """`weight_change` as a Brian2 expression.

        It may name `alone`, `paired`, `w_min` and `w_max`, quantities in the unit of the weight; other numbers are
        written out.
        """
        return f"alone + paired * ({taught})"

    def taught(self, lags: Floats) -> Floats:
        """Sum of K over the teacher's spikes, shape (...).

        Parameters
        ----------
        lags : t_teacher - t_presynaptic, s, shape (..., spikes); nan for none
        """
        return np.asarray(self.timing(np.asarray(lags, dtype=float)).sum(axis=-1))

    def change(self, lags: Floats, weight: float | Floats = np.nan) -> Floats:
        """Weight change (A or S) of one presynaptic spike, before clipping.

        Parameters
        ----------
        lags : t_teacher - t_presynaptic of the teacher's spikes, s, shape (..., spikes); nan for none
        weight : before it, A or S, shape (...); rules whose steps depend on it give nan without
        """
        return np.asarray(self.weight_change(weight, self.taught(lags)))

    def drift(self, teacher_rate: float) -> float:
        """Expected change of weight (A or S) a presynaptic spike, for a teacher (Hz) that knows nothing of it."""
        return self.alone + self.paired * teacher_rate * self.timing.area

    def diffusion(self, presynaptic_rate: float, teacher_rate: float) -> tuple[float, float]:
        """Variance that a weight between its bounds gains a second, A^2/s or S^2/s: its own part, and the shared one.

        For Poisson spikes of both sides (Hz), independent of each other; with f, r the rates and d = `paired`,
        f (drift^2 + d^2 r int K^2) at each synapse by itself, and f^2 d^2 r area^2 in step with all synapses that see
        the same teacher.
        """
        f, shot = presynaptic_rate, self.paired**2 * teacher_rate
        own = f * (self.drift(teacher_rate) ** 2 + shot * self.timing.moment(2))
        return own, f**2 * shot * self.timing.area**2


class Balanced(Table):
    """Potentiation solved so that weights do not drift under climbing-fibre spikes of `climbing_rate` by themselves."""

    kind: Literal["balanced"]
    climbing_rate: Rate


class ClimbingFiberRule(PlasticityRule):
    """Climbing fibres depress the parallel-fibre synapses active before them; activity alone potentiates.

    The cereb-nest and EDLUT rule (Antonietti, Casellato, Luque, Garrido); Kuriyama et al. 2021 with a rectangle.
    """

    kind: Literal["climbing_fiber"] = "climbing_fiber"
    kernel: Kernel
    potentiation: SynapticWeight | Balanced
    depression: SynapticWeight
    climbing_spikes: Remembered
    """Most climbing-fibre spikes of one Purkinje cell that can fall in one window; older ones are forgotten."""

    @property
    def timing(self) -> TimingKernel:
        """K."""
        return self.kernel

    @property
    def alone(self) -> float:
        """Potentiation."""
        if isinstance(self.potentiation, Balanced):
            return balanced_potentiation(self.depression.si, self.kernel, self.potentiation.climbing_rate.si)
        return self.potentiation.si

    @property
    def paired(self) -> float:
        """Depression, negative."""
        return -self.depression.si

    @property
    def remembered(self) -> int:
        """`climbing_spikes`."""
        return int(self.climbing_spikes.number)


class SdmRule(PlasticityRule):
    """Kanerva's write: a spike with no climbing-fibre spike in the window after it adds `step`, one with takes it away.

    A burst of the climbing fibre counts once.
    """

    kind: Literal["sdm"]
    step: SynapticWeight
    window: Duration

    @property
    def timing(self) -> TimingKernel:
        """1 within the window."""
        window = [self.window.number, self.window.unit, self.window.source]
        return Rectangular.model_validate({"kind": "rectangular", "window": window})

    @property
    def alone(self) -> float:
        """The step."""
        return self.step.si

    @property
    def paired(self) -> float:
        """Twice the step, negative."""
        return -2 * self.step.si

    @property
    def remembered(self) -> int:
        """1."""
        return 1

    @property
    def forgets_on_purpose(self) -> bool:
        """A burst counts once."""
        return True


class StdpAlpha(PlasticityRule):
    """Climbing fibres potentiate the parallel fibres onto interneurons that were active before; activity depresses.

    cereb-nest's stdp_connection_alpha.h: K(s) = (s / 50 ms) exp(1 - s / 50 ms), s <= 200 ms.
    """

    kind: Literal["stdp_alpha"]
    potentiation: SynapticWeight
    depression: SynapticWeight
    climbing_spikes: Remembered

    @property
    def timing(self) -> TimingKernel:
        """K of the reference."""
        return STDP_ALPHA

    @property
    def alone(self) -> float:
        """Depression, negative."""
        return -self.depression.si

    @property
    def paired(self) -> float:
        """Potentiation."""
        return self.potentiation.si

    @property
    def remembered(self) -> int:
        """`climbing_spikes`."""
        return int(self.climbing_spikes.number)


class StdpCosExp(PlasticityRule):
    """Purkinje spikes depress the mossy-fibre synapses on nuclear cells active within 10 ms; activity potentiates.

    cereb-nest's stdp_connection_cosexp.h. Every pair of spikes counts, Purkinje before mossy fibre as well as after;
    the reference pairs a mossy-fibre spike with the last Purkinje spike before it only.
    """

    kind: Literal["stdp_cosexp"]
    potentiation: SynapticWeight
    depression: SynapticWeight
    purkinje_spikes: Remembered
    """Most Purkinje spikes onto one cell that can fall in 20 ms; older ones are forgotten."""

    @property
    def timing(self) -> TimingKernel:
        """K of the reference."""
        return CosExp()

    @property
    def alone(self) -> float:
        """Potentiation."""
        return self.potentiation.si

    @property
    def paired(self) -> float:
        """Depression, negative."""
        return -self.depression.si

    @property
    def remembered(self) -> int:
        """`purkinje_spikes`."""
        return int(self.purkinje_spikes.number)


def balanced_potentiation(depression: float, kernel: TimingKernel, climbing_rate: float) -> float:
    """Potentiation a spike at which spontaneous climbing-fibre spikes (Hz) leave the mean weight where it is.

    depression * rate * area of K, in the unit of `depression`: what those spikes take from a synapse whose activity
    knows nothing of them. It holds between the bounds; rates are those at which spikes reach the Purkinje cell.
    """
    return depression * climbing_rate * kernel.area


Plasticity = Annotated[PlasticityRule, ByKind(PLASTICITY_RULES, default="climbing_fiber")]
