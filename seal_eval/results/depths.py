"""Records of one cell → estimates."""

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate, Record
from seal_eval.stats import choice

DEPTH_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # fifths of the prompt


def accuracy_of_records(records: list[Record], level: float = 0.95) -> Estimate:
    """Share of right replies among the scored ones; unscored records are counted in n_missing."""
    scored = [r for r in records if r.score is not None]
    if not scored:
        raise SealError(f"no scored reply among {len(records)} records; the run failed")
    found = choice.accuracy([r.score or 0.0 for r in scored], [r.cluster for r in scored], [0] * len(scored), level)
    return Estimate(**{**vars(found), "n_missing": len(records) - len(scored)})


def difference_of_records(pairs: list[tuple[Record, Record]], level: float = 0.95) -> Estimate:
    """Paired difference method − baseline over (baseline, method) records; a pair with an unscored side is missing."""
    scored = [(b, m) for b, m in pairs if b.score is not None and m.score is not None]
    if not scored:
        raise SealError(f"no pair of scored replies among {len(pairs)}; the run failed")
    found = choice.difference(
        [m.score or 0.0 for _, m in scored], [b.score or 0.0 for b, _ in scored], [b.cluster for b, _ in scored], [0] * len(scored), level
    )
    return Estimate(**{**vars(found), "n_missing": len(pairs) - len(scored)})


def by_depth(records: list[Record], level: float = 0.95) -> list[Estimate | None]:
    """Accuracy in each fifth of the prompt, by where the needed fact starts; None where nothing was asked."""
    cells: list[list[Record]] = [[] for _ in DEPTH_EDGES[1:]]
    for record in records:
        if record.depth is None:
            continue
        cells[min(int(record.depth * len(cells)), len(cells) - 1)].append(record)
    return [accuracy_of_records(cell, level) if any(r.score is not None for r in cell) else None for cell in cells]
