"""The operations that `rushlight bench --ops` times."""

import pytest

import rushlight
from rushlight.bench.cases import work
from rushlight.bench.operations import operation_cases
from rushlight.bench.workers import formats, workload

CASES = [case for case in operation_cases() if case["name"].endswith(", 1k")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_operation_runs(case):
    for mode in ("fwd", "train"):
        for channels_last in formats(case):
            workload(rushlight, case, mode, channels_last)()
    assert work(case)[0] == 0 and work(case)[1] >= 1024


def test_the_sizes_are_what_they_say():
    sizes = {"1k": 1 << 10, "64k": 1 << 16, "16M": 1 << 24}
    for case in operation_cases():
        count = 1
        for n in case["input"]:
            count *= n
        assert count == sizes[case["name"].rpartition(", ")[2]]
