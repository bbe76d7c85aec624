import multiprocessing
import pickle
from pathlib import Path

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from understudy.datasets.reader import Batch, load
from understudy.datasets.synthetic import ThinAirfoilTheory


def test_stored_answers_are_what_the_simulator_gives_to_the_stored_questions(data_file: Path):
    with load(data_file) as data:
        answer = ThinAirfoilTheory().predict(data.case())
        stored = data.solution()
        assert answer.status == stored.status
        for name in ("cl", "cd", "cm"):
            torch.testing.assert_close(stored[name], answer[name], rtol=1e-9, atol=1e-12, equal_nan=True)
        torch.testing.assert_close(stored["cp"].double(), answer["cp"], rtol=1e-6, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize(
    "rows",
    [
        slice(10, 190, 7),
        [5, 3, 3, 199, -1, 64, 63],
        torch.tensor([150, 0, 65]),
        torch.arange(200) % 3 == 0,
        slice(0, 0),
    ],
)
def test_rows_are_read_in_the_order_asked(data_file: Path, rows: object):
    with load(data_file) as data:
        whole, part = data[:], data[rows]
        numbers = torch.arange(200)[rows]
        assert part.rows.equal(numbers)
        torch.testing.assert_close(part.fields["cp"], whole.fields["cp"][numbers], rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(part.coordinates, whole.coordinates[numbers], rtol=0, atol=0)
        assert part.ok.equal(whole.ok[numbers])


def test_one_row_is_a_batch_of_one(data_file: Path):
    with load(data_file) as data:
        assert data[7].coordinates.shape == data.coordinates(7).shape == (1, 160, 2)
        assert len(data.case(7)) == len(data.solution(7)) == 1
        assert data[7].outputs["cd"].shape == (1,)


def test_several_files_are_one_data_set(data_file: Path):
    with load(data_file, data_file) as twice, load(data_file) as once:
        assert len(twice) == 400
        rows = [3, 203, 150, 350]
        torch.testing.assert_close(twice.field("cf", rows), once.field("cf", [3, 3, 150, 150]), equal_nan=True)
        torch.testing.assert_close(twice.coordinates(rows), once.coordinates([3, 3, 150, 150]))
        assert len(twice.subject_families) == 50


def test_a_data_set_travels_without_its_open_files(data_file: Path):
    with load(data_file) as data:
        before = data.field("cp", [1])
        copy = pickle.loads(pickle.dumps(data))
        torch.testing.assert_close(copy.field("cp", [1]), before, equal_nan=True)
        copy.close()
        torch.testing.assert_close(copy.field("cp", [1]), before, equal_nan=True)  # a later read opens it again


def test_it_serves_a_data_loader_with_workers(data_file: Path):
    with load(data_file) as data:
        data.field("cp", [0])  # open in this process: the workers must not use this handle
        sampler = BatchSampler(RandomSampler(data, generator=torch.Generator().manual_seed(0)), 32, drop_last=False)
        loader = DataLoader(
            data,
            sampler=sampler,
            batch_size=None,
            num_workers=2,
            multiprocessing_context=multiprocessing.get_context("fork"),
        )
        batches: list[Batch] = list(loader)
        rows = torch.cat([batch.rows for batch in batches])
        assert sorted(rows.tolist()) == list(range(200))
        fields = torch.cat([batch.fields["cp"] for batch in batches])
        torch.testing.assert_close(fields, data.field("cp", rows), equal_nan=True)


def test_rows_that_are_not_there_are_refused(data_file: Path):
    with load(data_file) as data:
        with pytest.raises(IndexError, match="rows must be between 0 and 199; got 200"):
            data[[200]]
        with pytest.raises(IndexError, match="a mask must have one value for each of 200 rows; got"):
            data[torch.ones(5, dtype=torch.bool)]
        with pytest.raises(KeyError, match="expected one of the fields cf, cp; got 'theta'"):
            data.field("theta")


def test_no_paths_are_refused():
    with pytest.raises(ValueError, match="expected the path of at least one data set; got none"):
        load()
