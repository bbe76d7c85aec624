"""The embedded simulator beside XFOIL: a polar and a pressure distribution of one airfoil.

    python examples/polar_beside_xfoil.py docs/images/polar_beside_xfoil.png

Needs XFOIL (`make system`).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import understudy

AIRFOIL, REYNOLDS, SHOWN = "naca2412", 1e6, 4.0


def main(picture: Path) -> None:
    """Draw the comparison into `picture`."""
    alphas = torch.arange(-6.0, 14.1, 1.0, dtype=torch.float64)
    case = understudy.case(AIRFOIL, alpha=alphas.tolist(), reynolds=REYNOLDS)
    answers = {name: understudy.predictor(name).predict(case) for name in ("viscous", "xfoil")}
    x = case.coordinates[0, :, 0]
    figure, (drag, lift, pressure) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for (name, answer), style in zip(
        answers.items(), ({"color": "C0"}, {"color": "k", "ls": "", "marker": "x"}), strict=True
    ):
        drag.plot(answer["cd"], answer["cl"], label=name, **style)
        lift.plot(alphas, answer["cl"], label=name, **style)
        row = int((alphas == SHOWN).nonzero()[0])
        thin = slice(None) if name == "viscous" else slice(None, None, 3)
        pressure.plot(x[thin], answer["cp"][row][thin], label=name, **style)
    drag.set(xlabel="$C_D$", ylabel="$C_L$", title=f"{AIRFOIL}, Re {REYNOLDS:.0e}")
    lift.set(xlabel="angle of attack [deg]", ylabel="$C_L$")
    pressure.set(xlabel="x [chord]", ylabel="$C_p$", title=f"{SHOWN:g} degrees")
    pressure.invert_yaxis()
    for axes in (drag, lift, pressure):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "polar_beside_xfoil.png"))
