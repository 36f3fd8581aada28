"""The processes of one run, as torchrun and accelerate start them: each answers its share of the documents."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from seal_eval.core.types import CLUSTER_KEY
from seal_eval.core.world import n_processes

Numbered = tuple[int, Any]  # (number of a document, the document)


@contextmanager
def sharing_documents(engine: Any) -> Iterator[None]:
    """Context manager around the construction of lm-eval's part of an engine: the processes of the run share its documents.

    lm-eval shares them only between GPUs, and counts the processes from 0 on each machine. Without a GPU, accelerate has to be told to join
    the processes; otherwise each would answer all documents.
    """
    import torch

    if n_processes() > 1 and not torch.cuda.is_available():
        os.environ.setdefault("ACCELERATE_USE_CPU", "true")
    yield
    if joined := getattr(engine, "accelerator", None):
        engine._rank, engine._world_size = joined.process_index, joined.num_processes


@contextmanager
def records_kept_whole() -> Iterator[None]:
    """Context manager: inside it lm-eval shares documents as `share` does, so that each record is read by one process."""
    import lm_eval.utils

    module: Any = lm_eval.utils
    original = module.create_iterator
    module.create_iterator = share
    try:
        yield
    finally:
        module.create_iterator = original


def share(raw_iterator: Iterable[Numbered], *, rank: int = 0, world_size: int = 1, limit: int | None = None) -> Iterator[Numbered]:
    """Return one process's documents, in their order. All questions on a record are one process's, and all have about as much to read.

    In place of lm-eval's function of the same arguments, which gives documents out in turn. So does this one for documents of other tasks,
    and where there are fewer records than processes: each must have a document.
    """
    if world_size == 1:
        return islice(raw_iterator, limit)
    rows = list(islice(raw_iterator, limit))
    sizes: dict[str, int] = defaultdict(int)  # record → tokens of its documents
    for _, doc in rows:
        if isinstance(doc, dict) and CLUSTER_KEY in doc and "n_tokens" in doc:
            sizes[doc[CLUSTER_KEY]] += int(doc["n_tokens"])
        else:
            return islice(rows, rank, None, world_size)
    if len(sizes) < world_size:
        return islice(rows, rank, None, world_size)
    loads, owner = [0] * world_size, dict[str, int]()
    for record in sorted(sizes, key=lambda record: -sizes[record]):  # the longest first, each to the process that has least
        owner[record] = loads.index(min(loads))
        loads[owner[record]] += sizes[record]
    return iter([row for row in rows if owner[row[1][CLUSTER_KEY]] == rank])
