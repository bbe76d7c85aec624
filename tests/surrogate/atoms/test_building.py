"""A surrogate of slabs: what it learns, what its intervals promise, and that no member judges what it has seen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from understudy.simulators.interface import Solution, Status
from understudy.simulators.materials.adsorbates import placed
from understudy.simulators.materials.case import SlabCase
from understudy.simulators.materials.slabs import Facet, SlabPlan
from understudy.surrogate import checkpoint
from understudy.surrogate.atoms import building
from understudy.surrogate.atoms.building import assemble_slabs, build_slabs, gain
from understudy.surrogate.atoms.familiarity import familiarity_of
from understudy.surrogate.atoms.graph import AtomsGraph, encode
from understudy.surrogate.atoms.judges import judges_of, layout_numbers, seen_by
from understudy.surrogate.atoms.rows import SlabRows
from understudy.surrogate.atoms.surrogate import SlabSurrogate
from understudy.surrogate.building import SurrogateConfig
from understudy.surrogate.card import Card
from understudy.surrogate.evaluation import evaluate, slab_ranges
from understudy.surrogate.training import train

Prove = Callable[..., None]

CONSTANTS = {"Pt": 3.99, "Cu": 3.68, "Ag": 4.22}

Draw, Law = Callable[[int, int], SlabCase], Callable[[SlabCase], Solution]


def test_unseen_slabs_are_learnt_and_intervals_cover(surrogate: SlabSurrogate, draw: Draw, answer: Law, spread: Tensor):
    case = draw(150, 2)
    truth = answer(case)
    report = evaluate(slab_ranges(case, truth), truth, surrogate.predict(case))
    found = report.accuracy["everything in its place"]
    assert found["adsorption_energy"].mean < 0.25 * spread  # 80 slabs a member: far better than the mean, no more
    assert 0.8 < found["adsorption_energy"].coverage <= 1.0  # 90 % within three deviations of 150 draws
    assert 0.8 < found["formation_energy"].coverage <= 1.0
    assert report.flagged["everything in its place"] < 0.15


def test_gradient_follows_the_finite_difference(surrogate: SlabSurrogate, draw: Draw, prove: Prove):
    case = draw(1, 4)
    cell = case.cell.clone().requires_grad_()

    def energy(scale: Tensor) -> Tensor:
        positions = case.positions * torch.stack((scale, scale, torch.ones_like(scale)))
        stretched = SlabCase(**{**vars(case), "positions": positions, "cell": cell * scale})
        return surrogate.predict(stretched)["adsorption_energy"][0]

    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(energy(scale), scale)
    step = 1e-2  # the networks compute in single precision
    ahead, behind = (energy(torch.tensor(1.0 + side * step, dtype=torch.float64)) for side in (1, -1))
    away = abs(slope.item() / ((ahead - behind) / (2 * step)).item() - 1)
    prove("slope of an adsorption energy along strain, an ensemble, single precision: relative", away, at_most=0.03)


def test_strangers_are_flagged_and_others_refused(surrogate: SlabSurrogate, draw: Draw):
    case = draw(8, 5)
    gold = SlabCase(**{**vars(case), "elements": tuple("Au" if one == "Ag" else one for one in case.elements)})
    with_gold = torch.tensor(["Au" in gold.symbols(row) for row in range(8)])
    assert not surrogate.predict(gold).known[with_gold].any()
    foreign = SlabCase(**{**vars(case), "elements": tuple("Xe" if one == "Ag" else one for one in case.elements)})
    prediction = surrogate.predict(foreign)
    refused = torch.tensor([status is Status.REFUSED for status in prediction.status])
    assert 0 < refused.sum() < 8
    assert torch.equal(refused, with_gold)  # those without it are answered as if nobody else had been asked about
    assert torch.equal(
        prediction["adsorption_energy"][~refused], surrogate.predict(case[~refused])["adsorption_energy"]
    )
    assert all(("got Xe" in sentence) == bool(no) for sentence, no in zip(prediction.message, refused, strict=True))


def test_one_stranger_refuses_no_other_row(surrogate: SlabSurrogate, draw: Draw):
    """Of an element that networks cannot read, or of an adsorbate that they have no name for."""
    known = draw(2, 8)
    xenon = SlabCase(**{**vars(draw(1, 9)), "elements": tuple("Xe" if one == "H" else one for one in known.elements)})
    two = draw(1, 9)
    two = SlabCase(**{**vars(two), "role": two.role.roll(0).index_fill(0, torch.tensor([len(two.role) - 2]), 2)})
    prediction = surrogate.predict(SlabCase.concatenate([known[:1], xenon, two, known[1:]]))
    assert prediction.status == (Status.OK, Status.REFUSED, Status.REFUSED, Status.OK)
    assert "got Xe" in prediction.message[1]
    assert "the networks know the adsorbates H, C, N, O, OH, CO; got" in prediction.message[2]
    alone = surrogate.predict(known)
    for name in ("adsorption_energy", "formation_energy"):
        torch.testing.assert_close(prediction[name][[0, 3]], alone[name], rtol=1e-5, atol=1e-6)
        assert prediction[name][[1, 2]].isnan().all()
    assert not prediction.known[[1, 2]].any()


def test_graphs_follow_each_other_also_behind_one_without_edges(draw: Draw):
    lonely, others = encode(draw(2, 6), 0.5), encode(draw(3, 7), 4.5)
    assert not len(lonely.distance)
    joined = AtomsGraph.concatenate([lonely, others, lonely])
    assert len(joined) == 7
    for name, value in vars(joined[2:5]).items():
        assert torch.equal(value, getattr(others, name)), name
    assert torch.equal(joined.edge_offsets[[0, 2, 5, 7]], torch.tensor([0, 0, *[len(others.distance)] * 2]))


def test_a_slab_keeps_its_judges_whatever_strains_it_and_stands_on_it(draw: Draw):
    case = draw(600, 12)
    graph = encode(case, 4.5)
    judges = judges_of(layout_numbers(graph), 6)
    wider = replace(case, positions=1.02 * case.positions, cell=1.02 * case.cell)
    assert torch.equal(judges_of(layout_numbers(encode(wider, 4.5)), 6), judges)
    assert torch.equal(judges_of(layout_numbers(encode(case.clean(), 4.5)), 6), judges)
    order = torch.randperm(600, generator=torch.Generator().manual_seed(0))
    assert torch.equal(judges_of(layout_numbers(graph[order]), 6), judges[order])
    assert len(layout_numbers(graph).unique()) == len({case.symbols(row) for row in range(600)})


def test_every_pair_of_members_judges():
    slab = torch.randint(2**62, (600,), generator=torch.Generator().manual_seed(0))
    pairs, counts = judges_of(slab, 6).unique(dim=0, return_counts=True)
    assert pairs.tolist() == [[one, two] for one in range(6) for two in range(one + 1, 6)]
    assert counts.min() > 22  # of 40 expected, less three deviations


def test_no_row_is_judged_by_a_member_that_saw_it(
    rows: SlabRows, config: SurrogateConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    judges = judges_of(rows.slab, 4)

    class Spy(building.SlabEnsemble):
        def forward(self, graph):  # type: ignore[no-untyped-def]
            who = [int((firsts == member.network.own.weight[0, 0, 0]).nonzero()) for member in self]
            asked.append((who, len(graph)))
            return super().forward(graph)

    asked: list[tuple[list[int], int]] = []
    members = [rows.fresh(config.training.network) for _ in range(4)]
    firsts = torch.stack([member.network.own.weight[0, 0, 0] for member in members])
    monkeypatch.setattr(building, "SlabEnsemble", Spy)
    surrogate = assemble_slabs(members, rows, judges, config, Card("", {}, {}, {}))
    assert len(surrogate.ensemble) == 4
    assert sum(count for _, count in asked) == len(rows)
    seen = seen_by(judges, 4)
    for pair, _ in asked:
        here = sum(count for others, count in asked if others == pair)
        assert here == int((~seen[:, pair]).all(1).sum())


def test_members_learn_side_by_side_what_each_learns_alone(rows: SlabRows, config: SurrogateConfig):
    """From the same first weights and batches, whatever is kept from one of them; to the rounding of the sums."""
    training = replace(config.training, epochs=3, clip=1.0)  # so short that most gradients are cut
    two = replace(rows, seen=seen_by(judges_of(rows.slab, 4), 4)[:, :2])
    start = two.fresh(training.network).double()
    exact = replace(
        two, graph=replace(rows.graph, occupation=rows.graph.occupation.double(), distance=rows.graph.distance.double())
    )
    together = train(exact, None, training, start=start).member.apart()
    for number, member in enumerate(start.apart()):
        alone = train(replace(exact, seen=exact.seen[:, number : number + 1]), None, training, start=member).member
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(together[number].state_dict()[name], value, rtol=1e-9, atol=1e-11)


def test_a_member_never_hears_of_the_slabs_that_it_judges(rows: SlabRows, config: SurrogateConfig):
    """Nonsense in their place changes nothing for it, and much for another."""
    training = replace(config.training, epochs=2)
    two = replace(rows, seen=seen_by(judges_of(rows.slab, 4), 4)[:, :2])
    hidden = ~two.seen[:, 0] & two.seen[:, 1]
    nonsense = replace(two, adsorption_energy=torch.where(hidden, 7.0, two.adsorption_energy))
    weights = [train(some, None, training).member.network.own.weight for some in (two, nonsense)]
    assert torch.equal(weights[0][0], weights[1][0])
    assert not torch.allclose(weights[0][1], weights[1][1], atol=1e-3)


def test_judges_tell_how_much_less_all_members_err(prove: Prove):
    """Members that err by what they share and by what each has of its own, of deviations 1 and 1.5."""
    random = torch.Generator().manual_seed(3)
    shared = torch.randn(300_000, 1, generator=random, dtype=torch.float64)
    error = shared + 1.5 * torch.randn(300_000, 10, generator=random, dtype=torch.float64)
    two = error[:, :2]
    told = gain(two.mean(1).abs(), two.var(1, correction=0), 10)
    measured = error.mean(1).square().mean().sqrt() / two.mean(1).square().mean().sqrt()
    exact = ((1 + 1.5**2 / 10) / (1 + 1.5**2 / 2)) ** 0.5
    away = abs(told / exact - 1)
    prove("how much less ten members err than two, told by two, against the closed form: relative", away, at_most=0.01)
    assert told == pytest.approx(float(measured), rel=0.01)


def test_members_that_agree_gain_nothing_and_pure_noise_gains_all():
    error = torch.linspace(0.1, 1.0, 50)
    assert gain(error, torch.zeros(50), 10) == 1.0
    assert gain(error, 10 * error.square(), 10) == pytest.approx((2 / 10) ** 0.5)


@pytest.mark.unchecked
def test_two_processes_train_the_same_members_and_tell_how_far_they_are(
    rows: SlabRows, config: SurrogateConfig, tmp_path: Path
):
    quick = SurrogateConfig(members=6, training=replace(config.training, epochs=3))
    told: dict[int, list[tuple[int, int, int]]] = {}
    states = []
    for processes in (1, 2):
        told[processes] = []
        surrogate = build_slabs(
            rows,
            replace(quick, processes=processes),
            tmp_path / str(processes),
            progress=lambda *far, to=told[processes]: to.append(far[:3]),
        )
        states.append(surrogate.ensemble.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert told[1] == [(0, 3, 3), (1, 3, 3), (2, 3, 3), (3, 3, 3), (4, 3, 3), (5, 3, 3)]
    assert told[2][-1] == (5, 3, 3)
    assert told[2] == sorted(told[2])


def test_too_few_members_or_rows(rows: SlabRows, config: SurrogateConfig, folder: Path):
    with pytest.raises(ValueError, match="members must be at least 4, so that each slab has 2 judges; got 3"):
        build_slabs(rows, SurrogateConfig(training=config.training, members=3), folder)
    with pytest.raises(ValueError, match=r"adsorption energy of 50 slabs: .* at least 40 cases in each half"):
        build_slabs(rows[:50], config, folder)


def test_an_energy_that_nobody_answered_is_not_told(
    rows: SlabRows, config: SurrogateConfig, draw: Draw, tmp_path: Path
):
    """As of labels that were imported with adsorption energies alone; and it is so when it was kept on disk."""
    blank = torch.full_like(rows.formation_energy, torch.nan)
    quick = SurrogateConfig(members=4, training=replace(config.training, epochs=2))
    surrogate = build_slabs(replace(rows, formation_energy=blank), quick, tmp_path / "members")
    checkpoint.save(surrogate, tmp_path / "surrogate.safetensors")
    for who in (surrogate, checkpoint.load(tmp_path / "surrogate.safetensors")):
        prediction = who.predict(draw(20, 3))
        assert prediction["adsorption_energy"].isfinite().all()
        for values in (prediction.values, prediction.low, prediction.high):
            assert values["formation_energy"].isnan().all()
        assert prediction.known.double().mean() > 0.7


@pytest.mark.parametrize(
    "stranger",
    [
        {"layers": 4},
        {"layers": 2},
        {"size": (2, 2)},  # a quarter of the coverage
        {"place": (2 / 3, 2 / 3)},  # on top
        {"facet": Facet.FCC100, "place": (0.5, 0.5)},
        {"height": 2.5},
        {"height": 7.5},  # no metal is within the cutoff
        {"adsorbate": "O"},
    ],
)
def test_other_layers_sites_and_coverages_are_unknown(surrogate: SlabSurrogate, stranger: dict[str, Any]):
    """The surrogate has learnt of three layers of one site each, hydrogen above the hcp hollow."""
    place = stranger.pop("place", (1 / 3, 1 / 3))

    def known(height: float = 0.9, adsorbate: str = "H", **words: Any) -> bool:
        plan = SlabPlan(**{"constants": CONSTANTS, "layers": 3, **words})
        slab = plan.slabs(plan.occupation(["Pt"] * plan.layers)[None], torch.zeros(1, dtype=torch.float64))
        above = torch.tensor([height], dtype=torch.float64)
        return bool(surrogate.predict(placed(slab, adsorbate, torch.tensor([at], dtype=torch.float64), above)).known)

    at = (1 / 3, 1 / 3)
    assert known()
    at = tuple(part / size for part, size in zip(place, stranger.get("size", (1, 1)), strict=True))
    assert not known(**stranger)


def test_of_an_adsorbate_that_was_never_seen_only_the_slab_is_told(surrogate: SlabSurrogate):
    plan = SlabPlan(constants=CONSTANTS, layers=3)
    slab = plan.slabs(plan.occupation(["Pt"] * 3)[None], torch.zeros(1, dtype=torch.float64))
    at, height = torch.full((1, 2), 1 / 3, dtype=torch.float64), torch.full((1,), 0.9, dtype=torch.float64)
    oxygen, hydrogen = (surrogate.predict(placed(slab, name, at, height)) for name in ("O", "H"))
    for told in (oxygen.values, oxygen.low, oxygen.high):
        for name, values in told.items():
            assert bool(values.isnan()) == (name != "formation_energy"), name
    assert float(oxygen["formation_energy"]) == float(hydrogen["formation_energy"])
    assert hydrogen["adsorption_energy"].isfinite()


def test_hcp_hollows_are_unknown_to_who_has_learnt_fcc_hollows():
    """Of four layers, any metals and strains; hydrogen that has not moved."""
    random = torch.Generator().manual_seed(5)
    plan = SlabPlan(constants=CONSTANTS)
    occupation = torch.nn.functional.one_hot(torch.randint(3, (80, 4), generator=random), 3).double()[:, :, None]
    strain = 0.06 * torch.rand(80, generator=random, dtype=torch.float64) - 0.03
    slabs, height = plan.slabs(occupation, strain), torch.full((80,), 0.9, dtype=torch.float64)
    fcc, hcp = (
        encode(placed(slabs, "H", torch.full((80, 2), share, dtype=torch.float64), height), 4.5)
        for share in (1 / 3, 2 / 3)
    )
    familiarity = familiarity_of(fcc, torch.zeros(80))
    assert familiarity.known(fcc, torch.zeros(80)).all()
    assert not familiarity.known(hcp, torch.zeros(80)).any()
