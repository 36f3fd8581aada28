"""Draw data sets whose truth is known, and record whether intervals hold it and tests reject it; used by statistics_simulation.py.

Every function draws `draws` data sets and returns name → share of them, or of the replies that it counts.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from seal_eval import stats
from seal_eval.stats import clustered_difference, clustered_proportion, mcnemar, sign_flip, tango, wilson
from seal_eval.stats.choose_test import accuracy, difference, pair_p_value, pair_table
from seal_eval.stats.layout import layout

from alternatives import clopper_pearson, jeffreys, newcombe, obuchowski
from resampling import cluster_bootstrap

SHARED, IN_DOCUMENT = 0.4, 0.3  # shares of the variance; half of a document's share is the method's own
RESAMPLES = 500
Found = dict[str, list[float]]  # name → 0/1 per draw: whether the interval contains the truth, or the test rejects
Shares = dict[str, float]


def normal_replies(rng: np.random.Generator, k: int, q: int, accuracies: Sequence[float], in_cluster: float) -> list[np.ndarray]:
    """0/1 scores of methods on k documents of q questions, [k * q] each; `in_cluster` is the documents' share of variance.

    A reply is right when a normal variable falls below the accuracy's quantile. It is the sum of a part per document that the methods
    share, one per document and method, one per sample that they share, and noise.
    """
    cluster, sample = rng.normal(size=(k, 1)), rng.normal(size=(k, q))
    out = []
    for p in accuracies:
        own, rest = rng.normal(size=(k, 1)), rng.normal(size=(k, q))
        z = np.sqrt(in_cluster / 2) * (cluster + own) + np.sqrt(SHARED) * sample + np.sqrt(1 - SHARED - in_cluster) * rest
        out.append((z < norm.ppf(p)).astype(float).ravel())
    return out


def beta_replies(rng: np.random.Generator, sizes: Sequence[int], p: float, parts: int = 1) -> np.ndarray:
    """Scores on documents of the given sizes whose accuracies are Beta distributed around p, with intraclass correlation IN_DOCUMENT.

    A score is the share of `parts` values found; 1: 0/1 scores.
    """
    n = 1 / IN_DOCUMENT - 1
    return rng.binomial(parts, rng.beta(p * n, (1 - p) * n, len(sizes)).repeat(sizes)) / parts


@cache
def of_table(table: tuple[int, int, int, int]) -> tuple[Any, Any, Any]:
    """McNemar's test, Tango's interval and Newcombe's interval of a paired table."""
    return mcnemar(*table), tango(*table), newcombe(*table)


def holds(interval: Any, truth: float) -> float:
    """1.0 if the interval contains `truth`, else 0.0."""
    return float(interval.low - 1e-12 <= truth <= interval.high + 1e-12)


def means(found: Found) -> Shares:
    return {name: float(np.mean(values)) for name, values in found.items()}


def alone(rng: np.random.Generator, draws: int, documents: int, p: float, gap: float) -> Shares:
    """One question a document. For intervals of one proportion the coverage is exact, by summing the binomial distribution."""
    found: Found = defaultdict(list)
    for _ in range(draws):
        a, b = normal_replies(rng, documents, 1, (p, p - gap), 0.0)
        test, score, newcombes = of_table(pair_table(a, b))
        found["Tango"].append(holds(score, gap))
        found["Newcombe"].append(holds(newcombes, gap))
        if not gap:
            found["size: mid-p McNemar"].append(test.p_midp <= 0.05)
            found["size: exact McNemar"].append(test.p_exact <= 0.05)
    k = np.arange(documents + 1)
    chance = binom.pmf(k, documents, p)
    kinds = {"Wilson": wilson, "Clopper-Pearson": clopper_pearson, "Jeffreys": jeffreys}
    exact = {name: float(sum(c * holds(f(int(x), documents), p) for x, c in zip(k, chance, strict=True))) for name, f in kinds.items()}
    return means(found) | exact


def equal(rng: np.random.Generator, draws: int, documents: int, questions: int, p: float, gap: float) -> Shares:
    """The same number of questions on every document."""
    found: Found = defaultdict(list)
    clusters = np.arange(documents).repeat(questions)
    for draw in range(draws):
        a, b = normal_replies(rng, documents, questions, (p, p - gap), IN_DOCUMENT)
        test, score, _ = of_table(pair_table(a, b))
        found["Tango, as if independent"].append(holds(score, gap))
        found["Tango, effective pairs"].append(holds(clustered_difference(a, b, clusters), gap))
        found["cluster bootstrap"].append(holds(cluster_bootstrap(a - b, clusters, resamples=RESAMPLES, seed=draw), gap))
        found["Wilson, as if independent"].append(holds(wilson(int(a.sum()), len(a)), p))
        found["Wilson, effective samples"].append(holds(clustered_proportion(a, clusters), p))
        if not gap:
            won, lost = ((x).reshape(documents, questions).sum(axis=1) for x in (a > b, a < b))
            chi2 = obuchowski(won, lost).p_value
            found["size: mid-p McNemar, as if independent"].append(test.p_midp <= 0.05)
            found["size: sign-flip of documents"].append(sign_flip(won.astype(float) - lost).p_value <= 0.05)
            found["size: Obuchowski"].append(chi2 is not None and chi2 <= 0.05)
    return means(found)


def unequal(rng: np.random.Generator, draws: int, sizes: Sequence[int], p: float, q: float, parts: int = 1) -> Shares:
    """Documents of different sizes, two methods of accuracies p and q with document effects of their own.

    A score is the share of `parts` values found; 1: scores are 0 or 1.
    """
    found: Found = defaultdict(list)
    clusters = np.arange(len(sizes)).repeat(sizes)
    one_cell = np.zeros(len(clusters), dtype=int)
    for draw in range(draws):
        a, b = (beta_replies(rng, sizes, x, parts) for x in (p, q))
        one, two = accuracy(a, clusters, one_cell), difference(a, b, clusters, one_cell)
        found["accuracy"].append(holds(one, p))
        found["accuracy, width"].append(one.high - one.low)
        found["difference"].append(holds(two, p - q))
        found["difference, width"].append(two.high - two.low)
        found["difference, bootstrap"].append(holds(cluster_bootstrap(a - b, clusters, resamples=RESAMPLES, seed=draw), p - q))
        if p == q:
            found["size: sign-flip of documents"].append((two.p_value or 0.0) <= 0.05)
    return means(found)


def several(
    rng: np.random.Generator, draws: int, documents: Sequence[int], questions: Sequence[int], p: Sequence[float], q: Sequence[float]
) -> Shares:  # fmt: skip
    """Several cells, each with its own documents of so many questions and accuracies p and q: the averages over cells."""
    found: Found = defaultdict(list)
    clusters = np.arange(sum(documents)).repeat(np.repeat(questions, documents))
    cells = np.arange(len(p)).repeat(np.multiply(documents, questions))
    truth = float(np.mean(p)), float(np.mean(p) - np.mean(q))
    for _ in range(draws):
        drawn = zip(documents, questions, p, q, strict=True)
        replies = [[beta_replies(rng, [size] * n, x) for x in (x_a, x_b)] for n, size, x_a, x_b in drawn]
        a, b = (np.concatenate(column) for column in zip(*replies, strict=True))
        found["accuracy"].append(holds(accuracy(a, clusters, cells), truth[0]))
        found["difference"].append(holds(difference(a, b, clusters, cells), truth[1]))
    return means(found)


def linked(
    rng: np.random.Generator, draws: int, documents: Sequence[int], questions: Sequence[int], p: Sequence[float], q: Sequence[float]
) -> Shares:  # fmt: skip
    """Cells that share documents: each has the first ones, so many of them. A document is as hard as chance has it in each cell."""
    found: Found = defaultdict(list)
    clusters = np.concatenate([np.arange(k).repeat(n) for k, n in zip(documents, questions, strict=True)])
    cells = np.arange(len(p)).repeat(np.multiply(documents, questions))
    for _ in range(draws):
        drawn = zip(documents, questions, p, q, strict=True)
        replies = [[beta_replies(rng, [size] * n, x) for x in (x_a, x_b)] for n, size, x_a, x_b in drawn]
        a, b = (np.concatenate(column) for column in zip(*replies, strict=True))
        found["accuracy"].append(holds(accuracy(a, clusters, cells), float(np.mean(p))))
        found["difference"].append(holds(difference(a, b, clusters, cells), float(np.mean(p) - np.mean(q))))
    return means(found)


def trend(rng: np.random.Generator, draws: int, documents: Sequence[int], questions: int, p: float, q: float) -> Shares:
    """No interaction with length: the same two accuracies at every length, each with its own number of documents."""
    found: Found = defaultdict(list)
    k = sum(documents)
    size = np.repeat(2.0 ** np.arange(9, 9 + len(documents)), np.array(documents) * questions)
    for _ in range(draws):
        a, b = (beta_replies(rng, [questions] * k, x) for x in (p, q))
        test = stats.method_by_length(a, b, size, np.arange(k).repeat(questions))
        found["estimable"].append(test.value is not None)
        if test.p_value is not None:
            found["size: interaction"].append(test.p_value <= 0.05)
    return means(found)


def places(rng: np.random.Generator, draws: int, methods: int, documents: int, questions: int, p: float, looks: Sequence[int]) -> Shares:
    """Methods that are equal: how often any rank is ruled out for any of them.

    looks: numbers of documents after which one looks, with anytime-valid tests; empty: once, at the end, with the usual tests.
    """
    found: Found = defaultdict(list)
    for _ in range(draws):
        scores = np.column_stack(normal_replies(rng, documents, questions, [p] * methods, IN_DOCUMENT if questions > 1 else 0.0))
        wrong = False
        for n in looks or (documents,):
            seen = scores[: n * questions]
            design = layout(np.arange(n).repeat(questions))
            found_ranks = stats.ranks(list(seen.mean(axis=0)), _tester(seen, design, bool(looks)))
            wrong |= any((r.low, r.high) != (1, methods) for r in found_ranks)
        found["a rank is ruled out"].append(wrong)
    return means(found)


def _tester(scores: np.ndarray, design: Any, sequential: bool) -> Callable[[int, int], float]:
    return lambda i, j: pair_p_value(scores[:, i], scores[:, j], design, sequential)


def effective(rng: np.random.Generator, draws: int, lengths: int, n: int, p: float) -> Shares:
    """The same accuracy at every length: how often the bounds of the effective length miss it, and how often its value is wrong."""
    truth = 1024 * 2 ** (lengths - 1) if p >= 0.856 else 0
    found: Found = defaultdict(list)
    for _ in range(draws):
        e = stats.effective_length({1024 * 2**i: (int(k), n) for i, k in enumerate(rng.binomial(n, p, lengths))})
        found["bounds"].append(holds(e, truth))
        found["value"].append(e.value == truth)
    return means(found)


def repeated_looks(rng: np.random.Generator, draws: int, outcomes: Sequence[float], chances: Sequence[float], documents: int) -> Shares:
    """Looking after every twentieth document at differences with this distribution: how often the sequence misses the truth at any look."""
    found: Found = defaultdict(list)
    truth = float(np.dot(outcomes, chances))
    for _ in range(draws):
        gains = rng.choice(outcomes, documents, p=chances)
        looks = [stats.anytime(gains[:n], np.ones(n), (-1, 1)) for n in range(20, documents + 1, 20)]
        found["at every look"].append(all(holds(e, truth) for e in looks))
    return means(found)


def plan(rng: np.random.Generator, draws: int, questions: int, discordance: float, gap: float, correlation: float, level: float) -> Shares:
    """A recommended plan, carried out: the share of data sets in which `compare` finds the difference."""
    records, promised = stats.records_needed(questions, discordance, gap, correlation, level=level)
    shares = np.array([(discordance + gap) / 2, (discordance - gap) / 2, 1 - discordance])
    found: Found = defaultdict(list)
    for _ in range(draws):
        own = rng.dirichlet(shares * (1 / correlation - 1), records) if correlation else np.tile(shares, (records, 1))
        kinds = (rng.random((records, questions, 1)) > own.cumsum(axis=1)[:, None, :2]).sum(axis=2).ravel()
        a, b, clusters = (kinds == 0).astype(float), (kinds == 1).astype(float), np.arange(records).repeat(questions)
        found["power"].append((difference(a, b, clusters, np.zeros(len(a), dtype=int), level).p_value or 0.0) <= 1 - level)
    return {"records": records, "promised": promised} | means(found)
