"""NACA four- and five-digit sections from their defining equations, as batches of coordinates with gradients.

The half thickness is y_t = (t / 0.2) (0.2969 √x - 0.1260 x - 0.3516 x² + 0.2843 x³ - 0.1015 x⁴). As defined, the
trailing edge is open by 2.1 % of the thickness; the last coefficient -0.1036 closes it, which leaves nose radius and
maximum thickness nearly alone. Thickness is laid off normal to the mean line.

Reference: Abbott and von Doenhoff, Theory of Wing Sections, 1959, chapter 6; Jacobs and Pinkerton, NACA Report 537.
"""

import math
import re

import torch
from jaxtyping import Float
from torch import Tensor

_THICKNESS = (-0.1260, -0.3516, 0.2843)
_OPEN, _CLOSED = -0.1015, -0.1036

# Second digit -> constants of the mean line for design lift 0.3: (m, k1); reflexed: (m, k1, k2 / k1).
_NORMAL = {1: (0.0580, 361.400), 2: (0.1260, 51.640), 3: (0.2025, 15.957), 4: (0.2900, 6.643), 5: (0.3910, 3.230)}
_REFLEXED = {
    2: (0.1300, 51.990, 0.000764),
    3: (0.2170, 15.793, 0.00677),
    4: (0.3180, 6.520, 0.0303),
    5: (0.4410, 3.191, 0.1355),
}


def naca(name: str, per_side: int = 100, *, dtype: torch.dtype = torch.float64) -> Float[Tensor, "points 2"]:
    """Coordinates of the section called `name`: "0012", "naca2412", "NACA 23112-sharp".

    Args:
        name: four digits (camber, its position, thickness) or five (design lift, position, reflex, thickness), with or
            without "naca"; the suffix "-sharp" closes the trailing edge.
        per_side: points on each surface, cosine-spaced along the chord; 2 per_side - 1 in all, the nose being shared.

    Raises:
        ValueError: not such a name, or digits without a section.
    """
    digits, sharp = _digits(name)
    _check_digits(digits)
    thickness = torch.tensor([int(digits[-2:]) / 100], dtype=dtype)
    if len(digits) == 4:
        camber, position = (torch.tensor([value], dtype=dtype) for value in (int(digits[0]) / 100, int(digits[1]) / 10))
        return naca4(camber, position, thickness, per_side=per_side, sharp=sharp)[0]
    lift = torch.tensor([0.15 * int(digits[0])], dtype=dtype)
    reflexed = digits[2] == "1"
    return naca5(lift, thickness, position=int(digits[1]), reflexed=reflexed, per_side=per_side, sharp=sharp)[0]


def is_naca(name: str) -> bool:
    """Whether `naca` knows a section of that name."""
    try:
        _check_digits(_digits(name)[0])
    except ValueError:
        return False
    return True


def naca4(
    camber: Float[Tensor, " batch"],
    position: Float[Tensor, " batch"],
    thickness: Float[Tensor, " batch"],
    *,
    per_side: int = 100,
    sharp: bool = False,
) -> Float[Tensor, "batch points 2"]:
    """Four-digit sections of any real maximum camber, its position and thickness, all in chords.

    Where the camber is zero the position does not matter. Gradients flow to all three.
    """
    x = _stations(per_side, camber)
    m, p = camber[:, None], position[:, None].clamp(1e-3, 1 - 1e-3)
    front = x < p
    line = torch.where(front, m / p**2 * (2 * p * x - x * x), m / (1 - p) ** 2 * (1 - 2 * p + 2 * p * x - x * x))
    slope = torch.where(front, 2 * m / p**2 * (p - x), 2 * m / (1 - p) ** 2 * (p - x))
    return _lay_off(x, line, slope, half_thickness(x, thickness[:, None], sharp=sharp))


def naca5(
    design_lift: Float[Tensor, " batch"],
    thickness: Float[Tensor, " batch"],
    *,
    position: int,
    reflexed: bool = False,
    per_side: int = 100,
    sharp: bool = False,
) -> Float[Tensor, "batch points 2"]:
    """Five-digit sections of any real design lift coefficient and thickness; `position` is the second digit, 1 to 5."""
    m, k1, ratio = _REFLEXED[position] if reflexed else (*_NORMAL[position], 0.0)
    x = _stations(per_side, design_lift)
    scale = design_lift[:, None] / 0.3 * k1 / 6
    if reflexed:
        aft = ratio * (x - m) ** 3
        line = torch.where(x < m, (x - m) ** 3, aft) - ratio * (1 - m) ** 3 * x - m**3 * x + m**3
        slope = torch.where(x < m, 3 * (x - m) ** 2, 3 * ratio * (x - m) ** 2) - ratio * (1 - m) ** 3 - m**3
    else:
        line = torch.where(x < m, x**3 - 3 * m * x * x + m * m * (3 - m) * x, m**3 * (1 - x))
        slope = torch.where(x < m, 3 * x * x - 6 * m * x + m * m * (3 - m), torch.full_like(x, -(m**3)))
    return _lay_off(x, scale * line, scale * slope, half_thickness(x, thickness[:, None], sharp=sharp))


def half_thickness(x: Tensor, thickness: Tensor, *, sharp: bool) -> Tensor:
    """Half the thickness of a NACA section at x [chord], normal to the mean line."""
    a1, a2, a3 = _THICKNESS
    a4 = _CLOSED if sharp else _OPEN
    shape = 0.2969 * torch.sqrt(x) + x * (a1 + x * (a2 + x * (a3 + x * a4)))
    if sharp:
        # The coefficients sum to zero only to rounding, and surfaces that cross by 1e-17 are no longer an airfoil.
        shape = torch.where(x == 1, torch.zeros_like(shape), shape)
    return thickness / 0.2 * shape


def _digits(name: str) -> tuple[str, bool]:
    """The digits of a name, and whether it asks for a closed trailing edge."""
    match = re.fullmatch(r"(?:naca)?[\s_-]*(\d{4,5})(-sharp)?", name.strip().lower())
    if match is None:
        raise ValueError(f"expected a NACA section such as 'naca2412', 'naca23012' or 'naca0012-sharp'; got {name!r}")
    return match[1], match[2] is not None


def _check_digits(digits: str) -> None:
    if digits.endswith("00"):
        raise ValueError(f"NACA {digits} has no thickness; the last two digits must be at least 01")
    if len(digits) == 4 and (digits[0] == "0") != (digits[1] == "0"):
        raise ValueError(f"NACA {digits} is not defined: camber and its position must both be zero or both not")
    positions: dict[str, tuple[int, ...]] = {"0": tuple(_NORMAL), "1": tuple(_REFLEXED)}
    if len(digits) == 5 and int(digits[1]) not in positions.get(digits[2], ()):
        raise ValueError(
            f"NACA {digits} is not defined: "
            "expected a second digit of 1 to 5 and then 0, or of 2 to 5 and then 1 for a reflexed mean line"
        )


def _stations(per_side: int, like: Tensor) -> Float[Tensor, "1 points"]:
    """Cosine-spaced x, from 1 down to 0 and up to 1 again."""
    if per_side < 10:
        raise ValueError(f"a NACA section needs at least 10 points a side; got {per_side}")
    angle = torch.linspace(0, math.pi, per_side, dtype=like.dtype, device=like.device)
    x = 0.5 * (1 - torch.cos(angle))
    return torch.cat([x.flip(0), x[1:]])[None]


def _lay_off(x: Tensor, line: Tensor, slope: Tensor, half: Tensor) -> Float[Tensor, "batch points 2"]:
    """Points at a distance `half` normal to the mean line, above it up to the nose and below it after."""
    first_below = x.shape[-1] // 2 + 1
    side = torch.ones_like(x)
    side[:, first_below:] = -1
    cosine = 1 / torch.sqrt(1 + slope * slope)
    return torch.stack([x - side * half * slope * cosine, line + side * half * cosine], dim=-1)
