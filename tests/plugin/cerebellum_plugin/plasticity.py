"""A plasticity rule of another package."""

from __future__ import annotations

from typing import Any, Literal

from cerebellum.description.plasticity import ClimbingFiberRule


class SoftBounds(ClimbingFiberRule):
    """Climbing-fibre plasticity whose steps shrink towards the bounds (Gutig et al. 2003, J Neurosci 23:3697)."""

    kind: Literal["soft_bounds"]  # type: ignore[assignment]

    def weight_change(self, weight: Any, taught: Any) -> Any:
        """Potentiation by the room above the weight, depression by that below, as shares of the range."""
        low, high = self.w_min.si, self.w_max.si
        return (self.alone * (high - weight) + self.paired * taught * (weight - low)) / (high - low)

    def weight_change_text(self, weight: str, taught: str) -> str:
        """The same for Brian2."""
        return f"(alone * (w_max - {weight}) + paired * ({taught}) * ({weight} - w_min)) / (w_max - w_min)"
