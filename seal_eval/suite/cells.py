"""A cell of a suite: one run, or something that runs need first."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One run, or something that runs need first: a model folder with a chat template, an adapter, a map of heads.

    ident: hash of all that the results depend on, the content of model and files included. wave: the cells of a wave are independent; the
    next wave starts when it has ended.
    folder: of the cell's files, relative to the suite's output folder. model, dtype: from which `cell_cost` estimates time and memory.
    n_samples: 0 unless a run, and for all samples of a task that is not ours. size: in the task's unit, 0 for such a task. content: of the
    model, from `hub.content`, when the suite was planned.
    loads: the name of what a run loads, in result files. planned: of a run, (method with its settings, task, size). needs: folders of the
    cells whose files this one reads. group: of a run, the names of its model's and its task's entry, '' without any.
    """

    ident: str
    wave: int
    label: str
    folder: str
    kind: str  # template, tune, heads or run
    model: str
    dtype: str
    work: dict[str, Any]  # arguments of `perform`
    n_samples: int
    size: int
    content: str = ""
    loads: str = ""
    planned: tuple[str, str, int] | None = None
    needs: tuple[str, ...] = ()
    group: str = ""
