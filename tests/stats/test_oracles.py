"""Every published value is reproduced, and docs/statistics.md shows the table of them."""

from pathlib import Path

import pytest

from oracles import Oracle, oracles, table


@pytest.mark.parametrize("one", oracles(), ids=lambda one: one.what)
def test_published(one: Oracle):
    assert len(one.ours) == len(one.published)
    for ours, published in zip(one.ours, one.published, strict=True):
        if one.relative:
            assert ours == pytest.approx(published, rel=10**-one.digits)
        else:
            assert abs(ours - published) <= 0.5001 * 10**-one.digits


def test_table_in_the_docs():
    assert table() in (Path(__file__).resolve().parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
