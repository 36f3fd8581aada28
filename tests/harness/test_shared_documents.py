"""How the processes of one run share its documents: records whole, much to read divided, every document once."""

from itertools import islice

import pytest

from seal_eval.harness.processes import share


def documents(*sizes, questions=2):
    """Documents of records, one of each record in turn."""
    return [{"document": f"r{k}", "n_tokens": size} for _ in range(questions) for k, size in enumerate(sizes)]


def shares(docs, n, limit=None):
    return [list(share(enumerate(docs), rank=rank, world_size=n, limit=limit)) for rank in range(n)]


def test_records_are_read_by_one_process_each():
    docs = documents(4000, 1000, 4000, 1000, 500)
    found = shares(docs, 2)
    assert sorted(number for part in found for number, _ in part) == list(range(len(docs)))
    assert all(numbers == sorted(numbers) for numbers in ([number for number, _ in part] for part in found))
    one, other = ({doc["document"] for _, doc in part} for part in found)
    assert not one & other
    read = [sum(doc["n_tokens"] for _, doc in part) for part in found]
    assert max(read) <= 1.2 * min(read)


@pytest.mark.parametrize(
    ("docs", "n", "limit"),
    [
        (documents(10), 2, None), (documents(10, 20), 3, None), ([{"question": str(i)} for i in range(7)], 2, None),
        (documents(10, 20, 30), 2, 1), (documents(10, 20), 1, 3), (["text"] * 3, 2, None),
    ],
)  # fmt: skip
def test_where_lm_eval_shares(docs, n, limit):
    """Too few records, documents of other tasks, one process."""
    assert shares(docs, n, limit) == [list(islice(enumerate(docs), rank, limit, n)) for rank in range(n)]


def test_a_limit():
    found = shares(documents(10, 20, 30, 40), 2, 6)
    assert sorted(number for part in found for number, _ in part) == list(range(6))
