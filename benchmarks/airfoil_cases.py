"""Four hundred random airfoil cases with XFOIL's answers, so that a solver or a surrogate can be judged without XFOIL.

    python benchmarks/airfoil_cases.py        # draws the cases, runs XFOIL 6.99, writes the file again

The cases are a third each NACA four- and five-digit sections (thickness normal to the mean line; XFOIL's own NACA
command lays it off vertically, which makes slightly different sections), raw coordinates of the UIUC library as
AeroSandbox carries them, and blends of two CST fits of that library. Angle uniform in -5..12 degrees, Reynolds number
log-uniform in 2e5..5e6, n_crit 9, Mach 0, free transition. Every shape has 160 nodes from `panel`, rounded to 1e-9
chord; XFOIL runs cold on exactly these nodes.
"""

import json
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import h5py
import numpy as np
import torch
from jaxtyping import Float64
from numpy import ndarray

from understudy.simulators.airfoil.case import AirfoilCase
from understudy.simulators.airfoil.xfoil import March, Xfoil
from understudy.simulators.interface import Solution, Status
from understudy.simulators.quantities import Place, quantity
from understudy.simulators.shapes.naca import naca4, naca5
from understudy.simulators.shapes.panelling import panel

FILE = Path(__file__).parent / "data" / "xfoil_cases.h5"
SEED, CASES, NODES = 20250131, 400, 160
INPUTS = ("alpha", "reynolds", "mach", "n_crit")
SCALARS = ("cl", "cd", "cd_friction", "cd_pressure", "cm", "xtr_top", "xtr_bottom")
FIELDS = ("edge_speed", "cf", "theta", "delta_star")  # at Mach 0 they give cp and the shape factor
MANTISSA_BITS = 13  # kept of the surface fields: a relative error of 6e-5, far below the difference between two solvers

Contour = Float64[ndarray, "points 2"]
Draw = Callable[[], tuple[str, Contour]]  # the name of a shape and its contour


@dataclass(frozen=True, eq=False)
class JudgedCases:
    """The cases, XFOIL's cold answers to them, and where each shape comes from.

    shapes: "naca4 camber position thickness", "naca5 design_lift position normal|reflexed thickness", "uiuc name",
        "blend name name share_of_the_second", or "box number".
    """

    case: AirfoilCase
    answer: Solution
    shapes: tuple[str, ...]

    @property
    def converged(self) -> torch.Tensor:
        """Mask of the rows that XFOIL answered."""
        return torch.tensor([status is Status.OK for status in self.answer.status])

    @property
    def possible(self) -> torch.Tensor:
        """Mask of the rows that XFOIL answered with more drag than friction; at Mach 0 pressure cannot push forward."""
        return self.converged & (self.answer["cd"] > self.answer["cd_friction"])


def judged_cases(file: Path = FILE) -> JudgedCases:
    """Read the cases and XFOIL's answers; needs neither XFOIL nor AeroSandbox. Surface fields carry four digits."""
    with h5py.File(file) as content:
        tensors = {
            name: torch.from_numpy(content[f"{group}/{name}"][:].astype(np.float64))
            for group, names in (("inputs", ("coordinates", *INPUTS)), ("outputs", SCALARS), ("fields", FIELDS))
            for name in names
            if f"{group}/{name}" in content
        }
        status = tuple(Status(text) for text in content["status"].asstr()[:])
        message = tuple(content["message"].asstr()[:])
        shapes = tuple(content["inputs/shape"].asstr()[:])
    case = AirfoilCase.of(tensors["coordinates"], **{name: tensors[name] for name in INPUTS})
    values = {name: tensors[name] for name in ("alpha", *SCALARS, *FIELDS) if name in tensors}
    if "edge_speed" in values:
        values["cp"] = 1 - values["edge_speed"] ** 2
        values["shape_factor"] = values["delta_star"] / values["theta"]
    return JudgedCases(case, Solution(values=values, status=status, message=message), shapes)


def draw_cases(count: int = CASES, seed: int = SEED) -> tuple[AirfoilCase, tuple[str, ...]]:
    """The cases themselves and the names of their shapes; needs AeroSandbox for the UIUC coordinates."""
    random = np.random.default_rng(seed)
    library = _library_names()
    return cases_of(
        (
            lambda: _random_naca(random),
            lambda: uiuc(library[random.integers(len(library))]),
            lambda: random_blend(random, library),
        ),
        count,
        random,
    )


def cases_of(kinds: Sequence[Draw], count: int, random: np.random.Generator) -> tuple[AirfoilCase, tuple[str, ...]]:
    """Plausible shapes of these kinds in turn, each at one condition of the box above."""
    shapes, nodes = [], []
    while len(nodes) < count:
        name, contour = kinds[len(nodes) % len(kinds)]()
        if _is_plausible(contour):
            shapes.append(name)
            nodes.append(panel(torch.from_numpy(contour)[None], NODES)[0].round(decimals=9))
    case = AirfoilCase.of(
        torch.stack(nodes),
        alpha=torch.from_numpy(random.uniform(-5, 12, count)).round(decimals=6),
        reynolds=torch.from_numpy(np.exp(random.uniform(np.log(2e5), np.log(5e6), count))).round(),
        n_crit=9.0,
    )
    return case, tuple(shapes)


def uiuc(name: str) -> tuple[str, Contour]:
    """The raw coordinates of a section of the library."""
    import aerosandbox  # not needed to read the stored cases

    return f"uiuc {name}", _without_duplicates(aerosandbox.Airfoil(name).normalize().coordinates)


def random_blend(random: np.random.Generator, library: Sequence[str]) -> tuple[str, Contour]:
    """A blend of the CST fits of two of these sections of the library."""
    import aerosandbox  # not needed to read the stored cases

    first, second = (library[index] for index in random.integers(len(library), size=2))
    share = random.uniform(0, 1)
    fits = [aerosandbox.Airfoil(name).normalize().to_kulfan_airfoil(n_weights_per_side=8) for name in (first, second)]
    blend = aerosandbox.KulfanAirfoil(
        name="blend",
        **{
            part: (1 - share) * getattr(fits[0], part) + share * getattr(fits[1], part)
            for part in ("upper_weights", "lower_weights", "leading_edge_weight", "TE_thickness")
        },
    )
    return f"blend {first} {second} {share:.3f}", _without_duplicates(
        blend.to_airfoil(n_coordinates_per_side=150).coordinates
    )


def judge(
    case: AirfoilCase,
    shapes: tuple[str, ...],
    file: Path,
    *,
    seed: int,
    made_by: str,
    fields: Sequence[str] = FIELDS,
) -> None:
    """Run XFOIL cold on the cases, store its answers, and say how often and how fast it answers."""
    simulator = Xfoil(march=March.NEVER, workers=2)
    simulator.predict(case[:2])
    start, used = perf_counter(), _processor_seconds()
    answer = simulator.predict(case)
    seconds, busy = perf_counter() - start, _processor_seconds() - used
    with h5py.File(file, "w") as content:
        content.attrs.update(
            simulator=f"xfoil {simulator.version}",
            configuration=json.dumps(dict(simulator.configuration)),
            seed=seed,
            made_by=made_by,
        )
        _write_cases(content, JudgedCases(case, answer, shapes), fields)
    converged = sum(status is Status.OK for status in answer.status)
    share = converged / len(case)
    print(f"XFOIL {simulator.version}, cold, 100 iterations: {converged} of {len(case)} converged ({share:.1%})")
    print(
        f"{seconds:.1f} s on 2 workers: {len(case) / seconds:.1f} points a second, {converged / seconds:.1f} converged"
    )
    print(
        f"XFOIL's own processor time: {1000 * busy / len(case):.0f} ms a point, {1000 * busy / converged:.0f} converged"
    )


def _write_cases(content: h5py.File, judged: JudgedCases, fields: Sequence[str]) -> None:
    """Cases and answers; the surface fields in single precision with a shortened mantissa."""
    nodes = content.create_dataset(
        "inputs/coordinates",
        data=judged.case.coordinates.numpy(),
        chunks=(50, NODES, 2),
        scaleoffset=9,
        compression="gzip",
    )
    nodes.attrs.update(unit="chord", description="surface nodes, upper trailing edge to lower, exact to 1e-9")
    texts = {"inputs/shape": judged.shapes, "status": judged.answer.status, "message": judged.answer.message}
    for path, column in texts.items():
        content.create_dataset(path, data=[str(text) for text in column], dtype=h5py.string_dtype())
    for name in INPUTS:
        _write(content, f"inputs/{name}", getattr(judged.case, name).numpy())
    for name in SCALARS:
        _write(content, f"outputs/{name}", judged.answer[name].numpy())
    for name in fields:
        _write(content, f"fields/{name}", _shortened(judged.answer[name].numpy()))


def _write(content: h5py.File, path: str, values: ndarray) -> None:
    meaning = quantity(path.rpartition("/")[2])
    options = {"compression": "gzip", "shuffle": True} if meaning.place is Place.NODE else {}
    content.create_dataset(path, data=values, **options).attrs.update(
        unit=meaning.unit, description=meaning.description
    )


def _shortened(values: Float64[ndarray, "cases nodes"]) -> ndarray:
    """Single precision, rounded to the mantissa bits that are kept, so that the file compresses."""
    bits = values.astype(np.float32).view(np.uint32)
    drop = 23 - MANTISSA_BITS
    rounded = (bits + np.uint32(1 << (drop - 1))) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return np.where(np.isnan(values), np.float32(np.nan), rounded.view(np.float32))


def _random_naca(random: np.random.Generator) -> tuple[str, Contour]:
    thickness = random.uniform(0.06, 0.21)
    if random.random() < 0.7:
        camber, position = random.uniform(0, 0.06), random.uniform(0.2, 0.6)
        numbers = (torch.tensor([value], dtype=torch.float64) for value in (camber, position, thickness))
        return f"naca4 {camber:.4f} {position:.3f} {thickness:.4f}", naca4(*numbers)[0].numpy()
    lift, position = random.uniform(0, 0.6), int(random.integers(2, 6))
    reflexed = bool(random.random() < 0.3)
    numbers = (torch.tensor([value], dtype=torch.float64) for value in (lift, thickness))
    contour = naca5(*numbers, position=position, reflexed=reflexed)[0].numpy()
    return f"naca5 {lift:.3f} {position} {'reflexed' if reflexed else 'normal'} {thickness:.4f}", contour


def _library_names() -> list[str]:
    import aerosandbox  # not needed to read the stored cases

    folder = Path(aerosandbox.__file__).parent / "geometry" / "airfoil" / "airfoil_database"
    return sorted(path.stem for path in folder.glob("*.dat"))


def _without_duplicates(contour: Contour) -> Float64[ndarray, "fewer 2"]:
    moves = np.r_[True, np.linalg.norm(np.diff(contour, axis=0), axis=1) > 1e-7]
    return np.asarray(contour[moves], dtype=np.float64)


def _is_plausible(contour: Contour) -> bool:
    """At least 30 points, 4 to 30 % thick, a base below 2 %, x growing along both sides, which nowhere cross."""
    nose = int(contour[:, 0].argmin())
    upper, lower = contour[nose::-1], contour[nose:]
    if len(contour) < 30 or min(len(upper), len(lower)) < 10 or not np.isfinite(contour).all():
        return False
    if any((np.diff(side[3:, 0]) <= 0).any() for side in (upper, lower)):
        return False
    x = np.linspace(0.02, 0.98, 97)
    thickness = np.interp(x, *upper.T) - np.interp(x, *lower.T)
    base = abs(contour[0, 1] - contour[-1, 1])
    return bool(thickness.min() > 0 and 0.04 < thickness.max() < 0.30 and base < 0.02)


def _processor_seconds() -> float:
    """Processor time of the XFOIL processes so far."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def main() -> None:
    """Draw the cases and judge them."""
    case, shapes = draw_cases()
    judge(case, shapes, FILE, seed=SEED, made_by="python benchmarks/airfoil_cases.py")


if __name__ == "__main__":
    main()
