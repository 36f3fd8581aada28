"""Arrange records as arrays: the scores of several methods on the same samples, with the cell and cluster of each sample."""

from dataclasses import dataclass, field

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Record, Run, TaskLength
from seal_eval.results.reasons import Shares, shares
from seal_eval.results.records import by_method, by_model, check_baseline, check_sources, check_versions, models, pair
from seal_eval.stats.choose_test import even, repeats
from seal_eval.stats.layout import Array, layout


@dataclass(frozen=True)
class PairedScores:
    """The scores of several methods (or models) on the same samples. cell, cluster and depth are [n_samples], in the order of `samples`.

    methods: the baseline first. scores: [n_samples, n_methods], NaN where unscored. depth: NaN where the needed fact has no single place.
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

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of_task(self, task: str) -> Array:
        """Mask of a task's samples, [n_samples]."""
        return np.isin(self.cell, [i for i, (name, _) in enumerate(self.cells) if name == task])

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(task for task, _ in self.cells))


def paired_scores(runs: list[Run], baseline: str = "") -> list[PairedScores]:
    """Pair the methods of each model. If every model has one method and all answered the same samples, the models are paired instead.

    baseline: a method, by default 'plain'; when models are compared, a model, by default the one that was run first. Models that have one
    method each but answered different samples (another tokenizer makes other prompts) are returned separately; with a named baseline this
    is an error. Raises SealError for an absent baseline and for samples that cannot be paired, naming the first.
    """
    check_versions(runs)
    check_sources(runs)
    names = models(runs)
    per_model = {name: by_method(runs, name) for name in names}
    if len(names) > 1 and all(len(table) == 1 for table in per_model.values()):
        try:
            return [_paired(by_model(runs), "models", baseline or names[0])]
        except SealError:
            if baseline:
                raise
    return [_paired(table, name, baseline or ("plain" if len(table) > 1 else next(iter(table)))) for name, table in per_model.items()]


def paired_scores_of(runs: list[Run], model: str, baseline: str = "plain") -> PairedScores:
    """Pair the methods of one model. Raises SealError as `paired_scores` does."""
    model_runs = [run for run in runs if run.model == model]
    check_versions(model_runs)
    check_sources(model_runs)
    return _paired(by_method(model_runs, model), model, baseline)


def _paired(table: dict[str, dict[str, Record]], name: str, baseline: str) -> PairedScores:
    """Arrays from method → sample id → record."""
    check_baseline(list(table), baseline, name)
    base = table[baseline]
    methods = (baseline, *sorted(m for m in table if m != baseline))
    samples = tuple(sorted(base))
    scores = np.full((len(samples), len(methods)), np.nan)
    for column, method in enumerate(methods):
        rows = [record for _, record in pair(base, table[method], (baseline, method))]
        scores[:, column] = [np.nan if record.score is None else record.score for record in rows]
        if np.isnan(scores[:, column]).all():
            raise SealError(f"{method}: no scored reply among {len(rows)} records, first {samples[0]}; the run failed")
    records = [base[sample] for sample in samples]
    cells = tuple(sorted({(r.task, r.length) for r in records}, key=lambda c: (c[0], c[1] or 0)))
    cell_index = {cell: i for i, cell in enumerate(cells)}
    clusters = tuple(dict.fromkeys(r.cluster for r in records))
    cluster_index = {cluster: i for i, cluster in enumerate(clusters)}
    return PairedScores(
        name, methods, samples, cells, np.array([cell_index[r.task, r.length] for r in records]),
        np.array([cluster_index[r.cluster] for r in records]), clusters,
        np.array([np.nan if r.depth is None else r.depth for r in records]), scores,
        tuple(shares((method, record) for method in methods for record in table[method].values())),
    )  # fmt: skip


def check_clusters(paired: PairedScores) -> None:
    """Raise SealError when several samples all belong to one document: a test cannot generalise from one document to others."""
    if len(paired.clusters) < 2 and len(paired.samples) > 1:
        raise SealError(
            f"{paired.name}: all {len(paired.samples)} samples belong to one document, first {paired.samples[0]}; a test needs two "
            "documents, six to reach p < .05: run more records (a higher num_samples or --limit, or fewer questions per record)"
        )


def sentence(paired: PairedScores, sequential: bool = False) -> str:
    """A sentence that names the test of the primary result, why it was chosen, and what would make it invalid."""
    n, k, c = len(paired.samples), len(paired.clusters), len(paired.cells)
    over = "one cell" if c == 1 else f"{c} cells of equal weight"
    design = layout(paired.cluster, paired.cell)
    scored = paired.scores[~np.isnan(paired.scores)]
    binary = bool(np.isin(scored, (0, 1)).all())
    if repeats(design):
        test = "a sign-flip test of whole documents"
        least = f" (with {k} documents no p below {2.0 ** (1 - k):.2g} is possible)" if k <= 10 else ""
        why = f"the {n:,} samples belong to {k:,} documents, and questions on one document are not independent{least}"
        invalid = "it would be invalid if documents shared text or were not drawn independently"
    else:
        if binary and even(design):
            test, why = "the two-sided mid-p McNemar test", "replies to the same prompt are pairs of 0/1 scores and no document repeats"
        elif binary:
            test, why = "a sign-flip test of samples", "no document repeats, and cells of different sizes have equal weight"
        else:
            test, why = "a sign-flip test of samples", "no document repeats, and scores are not only 0 and 1"
        invalid = f"it would be invalid if some of the {n:,} samples shared a text and the files did not say so"
    looks = ", or if you looked again and again until p was small (--anytime allows that)"
    if sequential:
        test, looks = "an anytime-valid test (its p-value holds however often you look)", ""
    return f"Over {over}: {test}, because {why}; {invalid}{looks}."
