"""Flux of mass, momentum and energy through a face by Roe's approximate Riemann solver (Roe, 1981).

Every wave is upwinded by its own speed, so that shear layers along the faces are left alone.
"""

import torch
from torch import Tensor

from understudy.simulators.flow.gas import GAMMA

#: Speeds of sound waves are rounded off below this share of the speed of sound: no expansion shocks (Harten, 1983).
ACOUSTIC_ROUNDING = 0.05
#: The same for entropy and shear, only for the sake of a derivative.
SHEAR_ROUNDING = 1e-5


def roe_flux(left: Tensor, right: Tensor, normal: Tensor) -> Tensor:
    """Flux (batch, 4, ...) in the direction of the normal times its length; sides as primitive variables.

    left, right: (batch, 4 or more, ...), (rho, u, v, p) first. normal: (batch, 2, ...).
    """
    length = normal.square().sum(1).sqrt()
    nx, ny = (normal / length[:, None]).unbind(1)
    density_l, u_l, v_l, pressure_l = left.unbind(1)[:4]
    density_r, u_r, v_r, pressure_r = right.unbind(1)[:4]
    speed_l, speed_r = u_l * nx + v_l * ny, u_r * nx + v_r * ny
    enthalpy_l, enthalpy_r = _enthalpy(density_l, u_l, v_l, pressure_l), _enthalpy(density_r, u_r, v_r, pressure_r)
    share = density_r.sqrt() / (density_l.sqrt() + density_r.sqrt())
    u, v = u_l + share * (u_r - u_l), v_l + share * (v_r - v_l)
    enthalpy = enthalpy_l + share * (enthalpy_r - enthalpy_l)
    speed = u * nx + v * ny
    sound_squared = (GAMMA - 1) * (enthalpy - 0.5 * (u * u + v * v))
    sound = sound_squared.sqrt()
    density = (density_l * density_r).sqrt()
    shear, mean, difference = wave_speeds(speed, sound)
    jump_p, jump_q = pressure_r - pressure_l, density * (speed_r - speed_l)
    along_state = (mean - shear) * jump_p / sound_squared + difference * jump_q / sound
    along_normal = (mean - shear) * jump_q + difference * jump_p / sound
    mass_l, mass_r = density_l * speed_l, density_r * speed_r
    pressure = pressure_l + pressure_r
    half = 0.5 * length
    jump_density = density_r - density_l
    return torch.stack(
        (
            half * (mass_l + mass_r - shear * jump_density - along_state),
            half
            * (
                mass_l * u_l
                + mass_r * u_r
                + (pressure - along_normal) * nx
                - shear * (density_r * u_r - density_l * u_l)
                - along_state * u
            ),
            half
            * (
                mass_l * v_l
                + mass_r * v_r
                + (pressure - along_normal) * ny
                - shear * (density_r * v_r - density_l * v_l)
                - along_state * v
            ),
            half
            * (
                mass_l * enthalpy_l
                + mass_r * enthalpy_r
                - along_normal * speed
                - shear * (density_r * enthalpy_r - pressure_r - density_l * enthalpy_l + pressure_l)
                - along_state * enthalpy
            ),
        ),
        1,
    )


def wave_speeds(speed: Tensor, sound: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Absolute speed of shear waves; mean and half difference of those of the sound waves (downstream, upstream)."""
    shear = (speed * speed + (SHEAR_ROUNDING * sound) ** 2).sqrt()
    rounding = (ACOUSTIC_ROUNDING * sound) ** 2
    down, up = ((speed + sound) ** 2 + rounding).sqrt(), ((speed - sound) ** 2 + rounding).sqrt()
    return shear, 0.5 * (down + up), 0.5 * (down - up)


def _enthalpy(density: Tensor, u: Tensor, v: Tensor, pressure: Tensor) -> Tensor:
    """Total, per mass."""
    return GAMMA / (GAMMA - 1) * pressure / density + 0.5 * (u * u + v * v)
