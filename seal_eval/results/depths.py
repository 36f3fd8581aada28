"""Estimates from the records of one cell."""

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate, Record
from seal_eval.stats import choose_test

DEPTH_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # fifths of the prompt


def accuracy_of_records(records: list[Record], level: float = 0.95) -> Estimate:
    """Mean score of the scored records with its interval; unscored records are counted in n_missing.

    Raises SealError when no record has a score.
    """
    scored = [r for r in records if r.score is not None]
    if not scored:
        raise SealError(f"no scored reply among {len(records)} records; the run failed")
    estimate = choose_test.accuracy([r.score or 0.0 for r in scored], [r.cluster for r in scored], [0] * len(scored), level)
    return Estimate(**{**vars(estimate), "n_missing": len(records) - len(scored)})


def by_depth(records: list[Record], level: float = 0.95) -> list[Estimate | None]:
    """Accuracy in each fifth of the prompt, by where the needed fact starts; None for a fifth without a scored record."""
    fifths: list[list[Record]] = [[] for _ in DEPTH_EDGES[1:]]
    for record in records:
        if record.depth is None:
            continue
        fifths[min(int(record.depth * len(fifths)), len(fifths) - 1)].append(record)
    return [accuracy_of_records(fifth, level) if any(r.score is not None for r in fifth) else None for fifth in fifths]
