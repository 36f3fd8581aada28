"""Arrange records as arrays: the scores of several methods on the same samples, with the cell and cluster of each sample."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.streams import warn
from seal_eval.core.types import Record, Run, TaskLength
from seal_eval.results.conditions import default_baseline, remarks
from seal_eval.results.lm_eval_documents import in_words
from seal_eval.results.lm_eval_tasks import scored_by
from seal_eval.results.missing import Lacks, lacking, notes, only_one_has
from seal_eval.results.reasons import Shares, shares
from seal_eval.results.records import by_method, by_model, check_baseline, check_versions, document_and_depth, models, pair
from seal_eval.results.sources import check_sources, other_files
from seal_eval.stats.layout import Array

Cells = dict[str, dict[TaskLength, dict[str, Record]]]  # method → cell → sample id → record


@dataclass(frozen=True)
class PairedScores:
    """The scores of several methods (or models) on the same samples. cell, cluster and depth are [n_samples], in the order of `samples`.

    methods: the baseline first. scores: [n_samples, n_methods], NaN where unscored and in cells that the method lacks. depth: NaN where
    the needed fact has no single place. lacks: of each method, in their order; empty if none lacks any. missing: sentences about that.
    extra: cells that the baseline lacks. They are shown, and decide no rank and no overall result: else a method could take the others'
    ranks by answering one cell more.
    """

    name: str  # of the model; 'models' when models are compared
    methods: tuple[str, ...]
    samples: tuple[str, ...] = field(repr=False)
    cells: tuple[TaskLength, ...]
    cell: Array = field(repr=False)  # index into cells
    cluster: Array = field(repr=False)  # index into clusters
    clusters: tuple[str, ...] = field(repr=False)
    depth: Array = field(repr=False)
    scores: Array = field(repr=False)
    shares: tuple[Shares, ...] = field(repr=False, default=())  # why the replies score what they do, per method and cell
    lacks: tuple[Lacks, ...] = ()
    missing: tuple[str, ...] = ()
    assumed: str = ""  # sentences on what was taken for scores and documents; '' if the files or the user say it
    extra: tuple[TaskLength, ...] = ()
    remarks: tuple[str, ...] = ()  # sentences on what else than the method differs

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of_task(self, task: str) -> Array:
        """Mask of a task's samples, [n_samples]."""
        return np.isin(self.cell, [i for i, (name, _) in enumerate(self.cells) if name == task])

    def lacked(self, column: int) -> tuple[TaskLength, ...]:
        """The cells that a method lacks."""
        return self.lacks[column].cells if self.lacks else ()

    def lacked_in(self, column: int, mask: Array) -> tuple[TaskLength, ...]:
        """The cells that a method lacks among those of the masked samples, mask: [n_samples]."""
        lacked = self.lacked(column)
        return tuple(cell for i, cell in enumerate(self.cells) if cell in lacked and bool((self.cell[mask] == i).any())) if lacked else ()

    @property
    def complete(self) -> list[int]:
        """The columns of the methods that lack no cell: only these have overall results, and ranks."""
        return [column for column in range(len(self.methods)) if not self.lacked(column)]

    def of(self, methods: tuple[str, ...]) -> "PairedScores":
        """The same for some of the methods, in the cells that at least one of them has."""
        columns = [self.methods.index(method) for method in methods]
        return self._part(columns, [i for i, c in enumerate(self.cells) if not all(c in self.lacked(column) for column in columns)])

    @property
    def deciding(self) -> "PairedScores":
        """The same for the cells that ranks and overall results are over: those of the baseline."""
        kept = [i for i, cell in enumerate(self.cells) if cell not in self.extra]
        return self._part(list(range(len(self.methods))), kept) if self.extra else self

    def _part(self, columns: list[int], kept: list[int]) -> "PairedScores":
        """The same for some columns, and cells by their indices."""
        rows = np.isin(self.cell, kept)
        clusters, cluster = np.unique(self.cluster[rows], return_inverse=True)
        cells = tuple(self.cells[i] for i in kept)
        return replace(
            self, methods=tuple(self.methods[column] for column in columns), cells=cells,
            samples=tuple(s for s, keep in zip(self.samples, rows, strict=True) if keep),
            cell=np.searchsorted(kept, self.cell[rows]), cluster=cluster, clusters=tuple(self.clusters[i] for i in clusters),
            depth=self.depth[rows], scores=self.scores[rows][:, columns],
            lacks=tuple(self.lacks[column].within(cells) for column in columns) if self.lacks else (), missing=(), extra=(),
        )  # fmt: skip

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(task for task, _ in self.cells))


def paired_scores(runs: list[Run], baseline: str = "") -> list[PairedScores]:
    """Pair the methods of each model. If every model has one method and all answered the same samples, the models are paired instead.

    baseline: a method, by default 'plain'; when models are compared, a model, by default the one that was run first. Models that have one
    method each but answered different samples (another tokenizer makes other prompts) are returned separately; with a named baseline this
    is an error. A model that lacks the baseline is left out, with a remark on stderr, unless all do. Raises SealError for a baseline that
    no model has, and for samples that cannot be paired, naming the first.
    """
    check_versions(runs)
    check_sources(runs)
    names = models(runs)
    per_model = {name: by_method(runs, name) for name in names}
    single = len(names) > 1 and all(len(table) == 1 for table in per_model.values())
    if single and (baseline or not why_apart(runs)):
        label = _with_methods(runs)
        table = {label[name]: records for name, records in by_model(runs).items()}
        baseline = baseline or names[0]
        return [_paired(table, "models", label.get(baseline, baseline), [replace(run, method=label[run.model]) for run in runs])]
    chosen = {name: baseline or default_baseline([run for run in runs if run.model == name]) for name in names}
    able = [name for name in names if chosen[name] in per_model[name]] or names
    for name in names:
        if name not in able:
            warn(f"left out: {name} has no results of {chosen[name]}, only of {', '.join(per_model[name])}; --baseline names another")
    return [_paired(per_model[name], name, chosen[name], [run for run in runs if run.model == name]) for name in able]


def _with_methods(runs: list[Run]) -> dict[str, str]:
    """Model → its name where models with one method each are compared: with the method, if not all have the same one."""
    alike = len({run.method for run in runs}) == 1
    return {run.model: run.model if alike else f"{run.model}, {run.method}" for run in runs}


def why_apart(runs: list[Run]) -> str:
    """Return why models with one method each cannot be compared sample by sample; '' when they can, or have several methods.

    They cannot when they share no sample, or when a sample has another prompt in one than in another.
    """
    if len(models(runs)) < 2 or len({(run.model, run.method) for run in runs}) > len(models(runs)):
        return ""
    (first, base), *others = by_model(runs).items()
    for name, records in others:
        shared = sorted(base.keys() & records.keys())
        if not shared:
            return f"{name} answered other samples than {first}"
        if other := next((key for key in shared if base[key].prompt_hash != records[key].prompt_hash), ""):
            return f"sample {other} has another prompt for {name} than for {first}, as with another tokenizer or chat template"
    return ""


def paired_scores_of(runs: list[Run], model: str, baseline: str = "plain") -> PairedScores:
    """Pair the methods of one model. Raises SealError as `paired_scores` does."""
    model_runs = [run for run in runs if run.model == model]
    check_versions(model_runs)
    check_sources(model_runs)
    return _paired(by_method(model_runs, model), model, baseline, model_runs)


def _paired(table: dict[str, dict[str, Record]], name: str, baseline: str, runs: list[Run]) -> PairedScores:
    """Arrays from method → sample id → record. A method may lack cells; within a cell it has all samples, or SealError names the first."""
    check_baseline(list(table), baseline, name)
    by_cell = {method: _by_cell(records) for method, records in table.items()}
    alone = only_one_has(by_cell, baseline)
    for cell, method in alone.items():
        del by_cell[method][cell]
    methods = (baseline, *sorted(m for m in table if m != baseline and by_cell[m]))
    cells = tuple(sorted({cell for has in by_cell.values() for cell in has}, key=lambda c: (c[0], c[1] or 0)))
    first = {cell: next(method for method in methods if cell in by_cell[method]) for cell in cells}  # the others are paired with it
    base = {sample: record for cell in cells for sample, record in by_cell[first[cell]][cell].items()}
    _check_shared(table, methods, by_cell, name)
    samples = tuple(sorted(base))
    scores = np.full((len(samples), len(methods)), np.nan)
    row_of = {sample: i for i, sample in enumerate(samples)}
    for column, method in enumerate(methods):
        for cell, records in by_cell[method].items():
            for _, record in pair(by_cell[first[cell]][cell], records, (first[cell], method)):
                scores[row_of[record.sample_id], column] = np.nan if record.score is None else record.score
        if np.isnan(scores[:, column]).all():
            raise SealError(f"{method}: no scored reply among {len(table[method])} records, first {min(table[method])}; the run failed")
    ordered = [_placed(base[sample], [table[method].get(sample) for method in methods]) for sample in samples]
    cell_index = {cell: i for i, cell in enumerate(cells)}
    clusters = tuple(dict.fromkeys(r.cluster for r in ordered))
    cluster_index = {cluster: i for i, cluster in enumerate(clusters)}
    extra = tuple(cell for cell in cells if cell not in by_cell[baseline])
    lacks = lacking(methods, by_cell, cells, extra, runs)
    unscored = {m: sum(r.score is None for records in by_cell[m].values() for r in records.values()) for m in methods}
    return PairedScores(
        name, methods, samples, cells, np.array([cell_index[r.task, r.length] for r in ordered]),
        np.array([cluster_index[r.cluster] for r in ordered]), clusters,
        np.array([np.nan if r.depth is None else r.depth for r in ordered]), scores,
        tuple(shares((method, r) for method in methods for records in by_cell[method].values() for r in records.values())),
        tuple(lacks) if any(one.cells for one in lacks) else (), tuple(notes(lacks, alone, unscored, runs)),
        _assumed(runs), extra,
        (*remarks(runs, methods, name != "models"), *other_files(runs)),
    )  # fmt: skip


def _assumed(runs: list[Run]) -> str:
    """What was taken for the scores and the documents of tasks from outside this project, each said once for all runs; '' for nothing."""
    said = scored_by(record for run in runs for record in run.records), in_words([guess for run in runs for guess in run.guesses])
    return " ".join(filter(None, said))


def _placed(record: Record, of_methods: Sequence[Record | None]) -> Record:
    """The record with the document and the depth that any method's record of its sample tells: a file of scores may tell them once."""
    for other in of_methods:
        if other and None in document_and_depth(record):
            record = replace(
                record, cluster=other.cluster if document_and_depth(record)[0] is None else record.cluster,
                depth=other.depth if record.depth is None else record.depth,
            )  # fmt: skip
    return record


def _by_cell(records: dict[str, Record]) -> dict[TaskLength, dict[str, Record]]:
    """Cell → sample id → record."""
    found: dict[TaskLength, dict[str, Record]] = {}
    for sample, record in records.items():
        found.setdefault((record.task, record.length), {})[sample] = record
    return found


def _check_shared(table: dict[str, dict[str, Record]], methods: tuple[str, ...], has: Cells, name: str) -> None:
    """Raise SealError, naming the first sample, when nothing can be compared: no method shares a cell with the baseline.

    When models are compared, each must share one, because models with other prompts are shown apart.
    """
    apart = [method for method in methods[1:] if not {*has[method]} & {*has[methods[0]]}]
    if apart and (name == "models" or len(apart) == len(methods) - 1):
        pair(table[methods[0]], table[apart[0]], (methods[0], apart[0]))


def check_clusters(paired: PairedScores) -> None:
    """Raise SealError when several samples all belong to one document: a test cannot generalise from one document to others."""
    if len(paired.clusters) < 2 and len(paired.samples) > 1:
        raise SealError(
            f"{paired.name}: all {len(paired.samples)} samples belong to one document, first {paired.samples[0]}; a test needs two "
            "documents, six to reach p < .05: run more records (a higher num_samples or --limit, or fewer questions per record)"
            + (f". {paired.assumed}" if paired.assumed else "")
        )
