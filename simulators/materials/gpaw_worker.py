"""Run by the interpreter that has GPAW, which need not be ours: a line of JSON in, a line of JSON out.

    /usr/bin/python3 gpaw_worker.py < questions > answers

The first line holds the settings of the calculator. Each line after it is a structure: numbers, positions [A], cell
[A], pbc, k points; its answer holds the energy [eV], extrapolated to no smearing, the forces [eV/A], not zeroed where
atoms are held, and the iterations; or the reason why there is none. Density and wave functions go on from one structure
to the next of the same atoms in the same cell that repeats along the same vectors, unless a symmetry is lost between
them or what else GPAW raises: that structure is asked again of a new calculator.
"""

import json
import os
import sys

from ase import Atoms

#: What structures share that are answered by one calculator.
SAME = ("numbers", "cell", "pbc")


def main() -> None:
    """Answer until the questions end."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not come between the answers
    settings = json.loads(sys.stdin.readline())
    atoms, answer = None, {}
    for line in sys.stdin:
        asked = json.loads(line)
        if atoms is not None and all(getattr(atoms, name).tolist() == asked[name] for name in SAME):
            answer = _answer(atoms, asked["positions"])
        else:
            atoms = None
        if atoms is None or "reason" in answer:  # a calculator keeps the symmetries that it began with
            atoms = Atoms(**{name: asked[name] for name in SAME})
            atoms.calc = _calculator(settings, asked["k_points"])
            answer = _answer(atoms, asked["positions"])
        if "reason" in answer:
            atoms = None
        print(json.dumps(answer), file=answers)


def _answer(atoms, positions):  # type: ignore[no-untyped-def]  # run where nobody checks types
    from gpaw import KohnShamConvergenceError  # the interpreter of the package need not have it

    atoms.positions[:] = positions
    try:
        return {
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces(apply_constraint=False).tolist(),
            "iterations": atoms.calc.get_number_of_iterations(),
        }
    except KohnShamConvergenceError:
        return {"reason": "the electrons did not converge"}
    except Exception as error:  # of any kind: another structure may be answered
        return {"reason": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def _calculator(settings, k_points):  # type: ignore[no-untyped-def]  # run where nobody checks types
    from gpaw import GPAW, PW, FermiDirac

    return GPAW(
        mode=PW(settings["cutoff"]),
        xc=settings["functional"],
        kpts={"size": k_points, "gamma": True},
        occupations=FermiDirac(settings["smearing"]),
        convergence=settings["convergence"],
        maxiter=settings["iterations"],
        txt=None,
    )


if __name__ == "__main__":
    main()
