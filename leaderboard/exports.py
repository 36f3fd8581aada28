"""A run in other formats: Hugging Face's model-index and BibTeX."""

from typing import Any

from seal_eval import __version__
from seal_eval.core.types import Run
from seal_eval.leaderboard.board import ModelBoard
from seal_eval.results.splits import GAP
from seal_eval.tasks import base_task


def model_index(run: Run, board: ModelBoard) -> str:
    """YAML for the top of a model card: the accuracy of each cell, https://huggingface.co/docs/hub/model-cards#evaluation-results."""
    import yaml

    results: list[dict[str, Any]] = []
    run_cells = {(record.task, record.length) for record in run.records}
    for row in board.found.of("cell"):
        e = row.accuracy
        if e is None or row.method != run.method or (row.task, row.length) not in run_cells:
            continue
        interval = f"{100 * e.level:g} % {e.low:.3f} to {e.high:.3f}, n = {e.n}"
        config = {} if row.length is None else {"config": str(row.length)}
        ours = base_task(str(row.task)) is not None
        scored_by = "accuracy" if ours else next(record.reason for record in run.records if record.task == row.task)
        metric = {"type": scored_by, "name": f"{scored_by} ({interval})", "value": round(e.value, 4), "verified": False}
        results.append(
            {
                "task": {"type": "text-generation", "name": "long-context retrieval" if ours else str(row.task)},
                "dataset": {
                    "type": str(row.task), "name": str(row.task), **config, "split": "test",
                    "args": {"method": run.method, "run": run.run_id, "seal_eval": __version__},
                },
                "metrics": [metric],
            }
        )  # fmt: skip
    index = {"model-index": [{"name": run.model.split(GAP)[0], "results": results}]}
    return str(yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=120))


def bibtex(run: Run) -> str:
    """BibTeX entries of the run and of the SEAL paper."""
    return f"""@misc{{seal-eval-{run.run_id},
  title = {{{_plain(run.model.split(GAP)[0])} with {_plain(run.method)}: run {run.run_id} of seal-eval}},
  year = {{{run.utc[:4]}}},
  note = {{seal-eval {__version__}, {run.utc[:10]}, {len(run.records)} samples}}
}}

@inproceedings{{lee-etal-2025-seal,
  title = {{{{SEAL}}: Scaling to Emphasize Attention for Long-Context Retrieval}},
  author = {{Lee and Seok and Jin and Cho and Park}},
  booktitle = {{Proceedings of the 63rd Annual Meeting of the Association for Computational Linguistics}},
  year = {{2025}},
  url = {{https://aclanthology.org/2025.acl-long.1405/}}
}}
"""


def _plain(text: str) -> str:
    """The text without characters that are special in BibTeX and LaTeX."""
    return "".join(c for c in text if c not in '{}\\"%#&$~^').replace("_", "\\_")
