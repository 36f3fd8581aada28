"""How many processes share the work: what their starter says, and what is refused."""

import pytest

from seal_eval.core.errors import SealError
from seal_eval.core.world import NEEDED, n_processes, own_rank
from seal_eval.tuning.processes import processes

TOLD = dict(zip(NEEDED, ("1", "localhost", "29500"), strict=True))


def told(monkeypatch, **variables):
    for name in ("WORLD_SIZE", *NEEDED):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("variables", [{}, {"WORLD_SIZE": ""}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": "1", "RANK": "0"}, {"RANK": "1"}])
def test_one_process(monkeypatch, variables):
    """Also with a RANK that another program has left: as process 1 of 1, a run would write no results."""
    told(monkeypatch, **variables)
    assert (n_processes(), own_rank()) == (1, 0)
    with processes() as group:
        assert group.n == 1 and group.first


def test_several_processes(monkeypatch):
    told(monkeypatch, WORLD_SIZE="2", **TOLD)
    assert (n_processes(), own_rank()) == (2, 1)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "two"}, "^WORLD_SIZE is 'two', must be a whole number"),
        ({"WORLD_SIZE": "0"}, "^WORLD_SIZE is '0', must be"),
        ({"WORLD_SIZE": "2"}, "^WORLD_SIZE is 2, and RANK, MASTER_ADDR, MASTER_PORT are not set: start 2 processes with torchrun"),
        ({"WORLD_SIZE": "2", **TOLD, "RANK": ""}, "^WORLD_SIZE is 2, and RANK is not set"),
        ({"WORLD_SIZE": "2", **TOLD, "RANK": "2"}, "^RANK is '2', must be a number from 0 to 1"),
    ],
)
def test_what_no_starter_says_is_refused(monkeypatch, variables, message):
    told(monkeypatch, **variables)
    for used in (own_rank, lambda: processes().__enter__()):
        with pytest.raises(SealError, match=message):
            used()
