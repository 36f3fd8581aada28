"""Records → arrays: which methods were scored on which samples, and how the samples hang together."""

from dataclasses import dataclass, field

import numpy as np

from seal_eval.core.errors import SealError
from seal_eval.core.types import Record, Run, TaskLength
from seal_eval.results.records import by_method, by_model, check_baseline, check_sources, check_versions, models, pair
from seal_eval.stats.choice import even, repeats
from seal_eval.stats.layout import Array, layout


@dataclass(frozen=True)
class PairedScores:
    """Methods (or models) on the same samples. Arrays have an entry for each sample, in the order of `samples`.

    methods: the baseline first. scores: [n_samples, n_methods], NaN where unscored; depth: NaN where the fact stands in no one place.
    """

    name: str  # the model's, or 'models'
    methods: tuple[str, ...]
    samples: tuple[str, ...] = field(repr=False)
    cells: tuple[TaskLength, ...]
    cell: Array = field(repr=False)  # index into cells
    cluster: Array = field(repr=False)  # index
    clusters: tuple[str, ...] = field(repr=False)
    depth: Array = field(repr=False)
    scores: Array = field(repr=False)

    @property
    def baseline(self) -> str:
        return self.methods[0]

    def of_task(self, task: str) -> Array:
        """Mask of a task's samples."""
        return np.isin(self.cell, [i for i, (name, _) in enumerate(self.cells) if name == task])

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(task for task, _ in self.cells))


def paired_scores(runs: list[Run], baseline: str = "") -> list[PairedScores]:
    """One design per model; one for all of them when no model has two methods and they were asked the same.

    baseline: by default 'plain', among models the one that was run first. Models of one method that were asked other samples (other
    tokenizers give other prompts) each stand alone, unless a baseline is named. Raises SealError for an absent baseline and for samples
    that cannot be paired, naming the first.
    """
    check_versions(runs)
    check_sources(runs)
    names = models(runs)
    per_model = {name: by_method(runs, name) for name in names}
    if len(names) > 1 and all(len(table) == 1 for table in per_model.values()):
        try:
            return [_design(by_model(runs), "models", baseline or names[0])]
        except SealError:
            if baseline:
                raise
    return [_design(table, name, baseline or ("plain" if len(table) > 1 else next(iter(table)))) for name, table in per_model.items()]


def paired_scores_of(runs: list[Run], model: str, baseline: str = "plain") -> PairedScores:
    """The design of one model's methods. Raises as `paired_scores`."""
    mine = [run for run in runs if run.model == model]
    check_versions(mine)
    check_sources(mine)
    return _design(by_method(mine, model), model, baseline)


def _design(table: dict[str, dict[str, Record]], name: str, baseline: str) -> PairedScores:
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
    index = {cell: i for i, cell in enumerate(cells)}
    clusters = tuple(dict.fromkeys(r.cluster for r in records))
    place = {cluster: i for i, cluster in enumerate(clusters)}
    return PairedScores(
        name, methods, samples, cells, np.array([index[r.task, r.length] for r in records]), np.array([place[r.cluster] for r in records]),
        clusters, np.array([np.nan if r.depth is None else r.depth for r in records]), scores,
    )  # fmt: skip


def check_clusters(paired: PairedScores) -> None:
    """Raise when all samples stand on one document: no test can tell anything of others."""
    if len(paired.clusters) < 2 and len(paired.samples) > 1:
        raise SealError(
            f"{paired.name}: all {len(paired.samples)} samples stand on one document, first {paired.samples[0]}; a test needs two "
            "documents, six to reach p < .05: run more records (a higher num_samples or --limit, or fewer questions per record)"
        )


def sentence(paired: PairedScores, sequential: bool = False) -> str:
    """Which test the primary result has and why, and what would make it invalid."""
    n, k, c = len(paired.samples), len(paired.clusters), len(paired.cells)
    over = "one cell" if c == 1 else f"{c} cells of equal weight"
    parts = layout(paired.cluster, paired.cell)
    scored = paired.scores[~np.isnan(paired.scores)]
    binary = bool(np.isin(scored, (0, 1)).all())
    if repeats(parts):
        test = "a sign-flip test of whole documents"
        why = f"the {n:,} samples stand on {k:,} documents, and questions on one document are not independent"
        least = f" (with {k} documents no p below {2.0 ** (1 - k):.2g} is possible)" if k <= 10 else ""
        bad = f"it would be invalid if documents shared text or had been drawn otherwise than independently{least}"
    else:
        if binary and even(parts):
            test, why = "the two-sided mid-p McNemar test", "replies to the same prompt are pairs of 0/1 scores and no document repeats"
        elif binary:
            test, why = "a sign-flip test of samples", "no document repeats, and the cells have different sizes but count alike"
        else:
            test, why = "a sign-flip test of samples", "no document repeats, and scores are not only 0 and 1"
        bad = f"it would be invalid if some of the {n:,} samples shared a text without saying so"
    looks = ", or if one looked again and again until p is small (--anytime allows that)"
    if sequential:
        test, looks = "an anytime-valid test (evidence against no difference, bounded at every look)", ""
    return f"Over {over}: {test}, since {why}; {bad}{looks}."
