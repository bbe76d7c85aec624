"""`understudy train`: a surrogate from a data set."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from understudy.cli.outputs import require_folder, with_name


def train(
    config: Annotated[Path | None, Parameter(help="TOML file with any of the settings; flags go before it")] = None,
    /,
    *,
    data: Annotated[list[Path] | None, Parameter(help="data file; may be given several times")] = None,
    out: Annotated[Path | None, Parameter(help="folder for checkpoint, states and logs")] = None,
    network: Annotated[
        Literal["convolution", "graph"] | None, Parameter(help="of airfoils: kind of the networks; slabs have one kind")
    ] = None,
    members: Annotated[
        int | None, Parameter(help="of the ensemble; four or more for a useful disagreement, of slabs at least four")
    ] = None,
    epochs: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    processes: Annotated[int | None, Parameter(help="members trained at once")] = None,
    mixed: Annotated[
        bool | None, Parameter(negative=(), help="take data of different simulators or settings; the card says so")
    ] = None,
    learning_curve: Annotated[
        bool | None, Parameter(negative=(), help="see what more data would bring: three networks more, on parts of it")
    ] = None,
) -> None:
    """Train, calibrate and test a surrogate; killed at any moment, the same command goes on.

    Leaves surrogate.safetensors (for --by), evaluation.json, evaluation.html (pictures) and train.toml in the folder.
    """
    import torch

    from understudy.asking import CHECKPOINT
    from understudy.cli.config import made, merged, overridden, read_table, table_of, to_toml
    from understudy.cli.progress import training_bar
    from understudy.cli.report import say, units_told
    from understudy.datasets.whole_files import write_bytes
    from understudy.learning import TrainConfig, train_surrogate, usual_settings
    from understudy.simulators.interface import Subject
    from understudy.surrogate.atoms.judges import require_judges
    from understudy.surrogate.networks.atoms_config import AtomsConfig

    flags = {
        "data": [str(with_name(path)) for path in data] if data else None,
        "out": None if out is None else str(out),
        "mixed": mixed,
        "learning_curve": learning_curve,
        "surrogate.members": members,
        "surrogate.processes": processes,
        "surrogate.training.network": None if network is None else {"kind": network},
        "surrogate.training.epochs": epochs,
        "surrogate.training.batch": batch,
        "surrogate.training.learning_rate": learning_rate,
        "surrogate.training.seed": seed,
    }
    table = overridden(read_table(config) if config else {}, flags)
    where = str(config) if config else "the configuration"
    named: dict[str, Any] = {key: table[key] for key in ("data", "out") if key in table}
    usual = usual_settings(made(TrainConfig, named, where).data)
    if isinstance(usual.training.network, AtomsConfig) and members is not None:
        require_judges(members)
    settings = made(TrainConfig, merged({"surrogate": table_of(usual)}, table), where)
    require_folder(settings.out)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_bytes(settings.out / "train.toml", to_toml(settings).encode())
    torch.set_num_threads(settings.surrogate.threads)  # small operations: more threads mostly wait for each other
    try:
        with training_bar(settings.networks) as note:
            surrogate, report = train_surrogate(settings, progress=note)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped: the training so far is kept in {settings.out}; run the same command again to go on"
        ) from None
    unseen = "shape families (cd: errors of its logarithm)" if surrogate.about is Subject.AIRFOIL else "slabs"
    say(f"never trained on, {unseen}:\n{report.text()}\n{units_told(report.comparisons)}")
    say(f"{settings.out / CHECKPOINT}")
