"""Logits and labels of the validation patients come in.

Two numbers that make probabilities honest go out.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from lungnet.errors import PredictionsError

Method = Literal["none", "temperature", "platt"]
METHODS: tuple[Method, ...] = ("none", "temperature", "platt")

SCALE_BOUNDS = (0.02, 50.0)
LARGEST_LOGIT = 40.0
"""Beyond it a float64 probability cannot be told from 0 or 1."""


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(scale * logit + offset).

    `temperature` has offset 0 and scale 1/T (Guo et al. 2017).
    """

    method: Method = "none"
    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that would turn the order of patients round or make NaN."""
        if self.method not in METHODS:
            raise ValueError(
                f"calibration method {self.method!r}; expected one of {', '.join(METHODS)}"
            )
        if not (np.isfinite(self.scale) and self.scale > 0 and np.isfinite(self.offset)):
            raise ValueError(
                f"calibration scale {self.scale}, offset {self.offset}; expected a finite scale "
                "above 0 and a finite offset"
            )

    def apply(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities of logits, any shape; their order never changes."""
        return np.asarray(
            expit(self.scale * np.asarray(logits, np.float64) + self.offset), np.float64
        )

    def to_json(self) -> dict[str, Any]:
        """Keys `method`, `scale`, `offset`."""
        return {"method": self.method, "scale": self.scale, "offset": self.offset}

    @classmethod
    def from_json(cls, value: Any) -> "Calibration":
        """Read what `to_json` gave.

        Raises:
            ValueError: another shape, or numbers that cannot be.
        """
        if not isinstance(value, dict) or set(value) != {"method", "scale", "offset"}:
            raise ValueError("a calibration has exactly the keys method, scale and offset")
        if not all(
            isinstance(value[key], int | float) and not isinstance(value[key], bool)
            for key in ("scale", "offset")
        ):
            raise ValueError("scale and offset of a calibration are numbers")
        return cls(value["method"], float(value["scale"]), float(value["offset"]))


def fit_calibration(
    labels: ArrayLike, logits: ArrayLike, method: Method = "temperature"
) -> Calibration:
    """Fit on validation patients only.

    The most likely numbers under a weak prior, so that 30 patients suffice.

    The labels are Platt's (1999) smoothed targets, (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), and
    ln(scale) and offset have a normal prior of standard deviation 1 around 0: patients that are
    perfectly separated, or of one class, give finite numbers.

    Args:
        labels: 0 or 1, shape (n,), at least one.
        logits: the network's raw outputs before the sigmoid, finite, shape (n,).
        method: `temperature` (scale only), `platt` (scale and offset) or `none`.

    Raises:
        PredictionsError: shapes that differ, nothing to fit on, a label that is neither 0 nor 1, a
            logit that is not finite.
    """
    # Here, since prediction applies a calibration and need not wait for the import.
    from scipy.optimize import minimize

    y, x = _checked(labels, logits)
    if method == "none":
        return Calibration()
    n1 = float(y.sum())
    n0 = y.size - n1
    targets = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))

    def loss(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Penalized log loss of the parameters."""
        scale, offset = np.exp(numbers[0]), numbers[1] if numbers.size > 1 else 0.0
        z = scale * x + offset
        residual = expit(z) - targets
        value = np.sum(np.logaddexp(0, z) - targets * z) + numbers @ numbers / 2
        gradient = (
            np.array([np.sum(residual * x) * scale, np.sum(residual)])[: numbers.size] + numbers
        )
        return float(value), gradient

    start = np.zeros(2 if method == "platt" else 1)
    bounds = [(float(np.log(SCALE_BOUNDS[0])), float(np.log(SCALE_BOUNDS[1]))), (-20.0, 20.0)][
        : start.size
    ]
    optimum = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-14, "gtol": 1e-9},
    ).x
    return Calibration(
        method, float(np.exp(optimum[0])), float(optimum[1]) if method == "platt" else 0.0
    )


def logits_of(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Finite logits of probabilities in 0..1, any shape: exact 0 and 1 become -40 and 40."""
    with np.errstate(divide="ignore"):
        return np.asarray(
            np.clip(logit(np.asarray(probabilities, np.float64)), -LARGEST_LOGIT, LARGEST_LOGIT)
        )


def _checked(
    labels: ArrayLike, logits: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.asarray(labels, np.float64), np.asarray(logits, np.float64)
    if y.shape != x.shape or y.ndim != 1 or y.size == 0:
        raise PredictionsError(
            f"calibration: {y.shape} labels for {x.shape} logits; expected one label for each of "
            "at least one logit"
        )
    if not np.isin(y, (0, 1)).all():
        raise PredictionsError(f"calibration: label {y[~np.isin(y, (0, 1))][0]:g}; expected 0 or 1")
    if not np.isfinite(x).all():
        raise PredictionsError(
            f"calibration: logit {np.flatnonzero(~np.isfinite(x))[0]} is not finite; the network "
            "diverged"
        )
    return y, np.clip(x, -LARGEST_LOGIT * SCALE_BOUNDS[1], LARGEST_LOGIT * SCALE_BOUNDS[1])
