"""Compare the paper's claims with the published runs: computes every table of docs/claims.md.

    python benchmarks/claims.py leaderboard/results docs/claims.md      (writes the tables into the page)

Differences are paired. Interval and p-value are those of `seal-eval compare` for the same two methods and samples, not adjusted for the
number of rows. A claim of "better" holds when the interval lies above 0 and p < .05. For a claim of "as good", the verdict says how much
worse the method may be. Both are contradicted when the interval lies below 0 and p < .05. Nothing is decided where neither method has a
right answer.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seal_eval.core.types import Estimate, Record, Run
from seal_eval.results.compare import method_rows
from seal_eval.results.comparison import Row
from seal_eval.results.numbers import p_text, percent
from seal_eval.results.paired import PairedScores, paired_scores
from seal_eval.results.power import from_pilot
from seal_eval.results.records import load_runs
from seal_eval.stats import minimum_detectable
from seal_eval.tuning.tune import short_right

PLAIN, C, H, LORA, DORA, RULE = "plain", "seal(seal-channel)", "seal(seal-head)", "lora", "dora", "rule"
C600, C2048, LORA600, LORA2048 = "seal(seal-600)", "seal(seal-2048)", "lora(lora-600)", "lora(lora-2048)"
ASKED = (512, 2048, 4096)
GEMMA = "gemma-within"
TUNED = ("seal_lines", "seal_needle_multikey")


Compared = tuple[str, str, str, Callable[[Record], bool]]  # label, method, baseline, which samples


@dataclass(frozen=True)
class Claim:
    """One claim of the page: the comparisons that test it, and the suite whose runs they use."""

    key: str
    rows: Sequence[Compared]
    as_good: bool = False  # the claim is "as good", not "better"
    suite: str = "smollm2-within"
    gemma: Sequence[Compared] = ()  # the same claim on the second model


def tuned(record: Record) -> bool:
    """Return whether the record's task is one that the adapters were tuned on."""
    return record.task in TUNED


def at(task: str, *lengths: int) -> Callable[[Record], bool]:
    """Return a filter for records of a task, at the given lengths only if there are any."""
    return lambda record: record.task == task and (not lengths or record.length in lengths)


every_line = at("seal_lines")
EXTENSIONS = {
    "linear": "linear", "NTK": "ntk", "YaRN": "yarn", "Self-Extend": "self_extend", "dual chunks": "dual_chunk",
}  # fmt: skip
CLAIMS = (
    Claim("gain", (
        ("SEAL-C, both tasks it was tuned on, 512–4,096 tokens", C, PLAIN, tuned),
        ("SEAL-H, the same", H, PLAIN, tuned),
    ), gemma=(("gemma-3-270m: SEAL-C, lines, 2,048 tokens", "seal", PLAIN, every_line),)),
    Claim("rule", (("rule from the map of heads", RULE, PLAIN, tuned),)),
    Claim("granularity", (
        ("SEAL-C against SEAL-H", C, H, tuned),
    ), as_good=True),
    Claim("low-rank", (
        ("SEAL-C against LoRA r = 4", C, LORA, tuned),
        ("SEAL-C against DoRA r = 4", C, DORA, tuned),
        ("SEAL-C against LoRA, at 512 tokens alone", C, LORA, lambda r: tuned(r) and r.length == 512),
        ("SEAL-C against DoRA, the same", C, DORA, lambda r: tuned(r) and r.length == 512),
        ("SEAL-C against LoRA, lines at 4,096 tokens", C, LORA, at("seal_lines", 4096)),
        ("SEAL-C against DoRA, the same", C, DORA, at("seal_lines", 4096)),
    ), as_good=True, gemma=(("gemma-3-270m: SEAL-C against LoRA, lines, 2,048 tokens", "seal", "lora", every_line),)),
    Claim("lengths", (
        *((f"lines, {n:,}", C, PLAIN, at("seal_lines", n)) for n in (512, 1024, 2048, 4096)),
    )),
    Claim("tasks", (
        ("single needle", C, PLAIN, at("seal_needle")),
        ("variable tracking", C, PLAIN, at("seal_variable_tracking")),
        ("first of five topics", C, PLAIN, at("seal_longeval_topics")),
    ), as_good=True),
    Claim("extension", (
        ("SEAL-C alone against plain, beyond the window", "seal", PLAIN, every_line),
        *((f"{name} + SEAL-C against {name} alone", f"{method}+seal", method, every_line) for name, method in EXTENSIONS.items()),
        *((f"{name} + SEAL-C against SEAL-C alone", f"{method}+seal", "seal", every_line) for name, method in EXTENSIONS.items()),
    ), suite="smollm2-beyond"),
    Claim("reasons", (
        *((f"tuned at 600 tokens, asked at {n:,}", C600, LORA600, at("seal_lines", n)) for n in ASKED),
        ("the three together", C600, LORA600, every_line),
        *((f"tuned at 2,048 tokens, asked at {n:,}", C2048, LORA2048, at("seal_lines", n)) for n in ASKED),
        ("the three together", C2048, LORA2048, every_line),
    ), as_good=True, suite="smollm2-tuning"),
    Claim("shorter", (
        *((f"tuned at 2,048 tokens, lines, {n:,}", C2048, PLAIN, at("seal_lines", n)) for n in ASKED),
        ("tuned at 2,048 tokens against at 600, the three together", C2048, C600, every_line),
    ), suite="smollm2-tuning"),
)  # fmt: skip


def compared(runs: list[Run], method: str, against: str, keep: Callable[[Record], bool]) -> PairedScores | None:
    """Return the paired scores of the two methods on the kept samples; None when one of them has none."""
    chosen = [replace(run, records=tuple(r for r in run.records if keep(r))) for run in runs if run.method in (method, against)]
    chosen = [run for run in chosen if run.records]
    if {run.method for run in chosen} != {method, against}:
        return None
    (paired,) = paired_scores(chosen, against)
    return paired


def row(paired: PairedScores) -> Row:
    """Return the result row that holds the paired difference over all cells."""
    return next(result for result in method_rows(paired) if result.scope == "primary" and result.difference)


def could_show(paired: PairedScores) -> float | None:
    """Return the smallest difference that these pairs detect with 80 % power; None when they cannot detect any.

    A sample in a cluster of m counts as 1 / (1 + (m − 1) ρ) independent ones, with m averaged over samples (Kish 1965, section 5.4). ρ and
    the share of discordant pairs are the observed ones.
    """
    (observed,) = from_pilot(paired, None)
    sizes = np.bincount(paired.cluster)
    effective = len(paired.cluster) / (1 + ((sizes**2).sum() / sizes.sum() - 1) * observed.correlation)
    return minimum_detectable(int(effective), observed.discordance)


def verdict(result: Row, difference: Estimate, as_good: bool) -> str:
    """Return the verdict on a claim that the difference is above 0, or with `as_good` that it is not below 0."""
    if result.accuracy.value == difference.value == 0:
        return "neither answers"
    significant = difference.p_value is not None and difference.p_value < 0.05
    if significant and difference.high < 0:
        return "contradicted"
    if significant and difference.low > 0:
        return "better" if as_good else "holds"
    return f"at most {max(0.0, -100 * difference.low):.1f} worse" if as_good else "not shown"


def table(suites: dict[str, list[Run]], claim: Claim) -> str:
    """Return the claim's comparisons as a Markdown table. suites: their names → their runs."""
    lines = ["| | samples (texts) | right, % | difference, points | p | could show | verdict |", "|---|---|---|---|---|---|---|"]
    for suite, (label, method, against, keep) in [(claim.suite, one) for one in claim.rows] + [(GEMMA, one) for one in claim.gemma]:
        paired = compared(suites[suite], method, against, keep)
        if paired is None or (difference := (result := row(paired)).difference) is None:
            lines.append(f"| {label} | | | not run yet | | | |")
            continue
        right = f"{100 * (result.accuracy.value - difference.value):.1f} → {100 * result.accuracy.value:.1f}"
        least = could_show(paired)
        cells = [
            label, f"{difference.n} ({result.n_clusters})", right, percent(difference, sign=True), p_text(difference.p_value),
            "–" if least is None else f"{100 * least:.1f}", verdict(result, difference, claim.as_good),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def costs(told: Sequence[tuple[str, list[Run], str]]) -> str:
    """Return a Markdown table of what each tuning run cost and reached, from the adapters' cards. told: (label, runs, method)."""
    lines = [
        "| method | trained | tuning, s | peak, GB | perplexity of prose | short questions right | validation loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, runs, method in told:
        about = next(run.about for run in runs if run.method == method)
        rise = f"{100 * (about['prose_perplexity_ratio'] - 1):+.1f} %".replace("-", "−")
        lines.append(
            f"| {label} | {about['trained_parameters']:,} | {about['tuning_seconds']:.0f} | {about['peak_memory_bytes'] / 1e9:.1f} "
            f"| {rise} | {short_right(about)} of {about['short_questions']} | {about['kept']['loss']:.3f} |"
        )
    return "\n".join(lines)


def tables(folder: Path) -> dict[str, str]:
    """Return {name of a place in the page: the table that belongs there}; `folder` holds one folder of runs per suite."""
    suites = {name: load_runs(folder / name) for name in sorted({GEMMA, *(claim.suite for claim in CLAIMS)})}
    by_place = {claim.key: table(suites, claim) for claim in CLAIMS}
    within, tuning = suites["smollm2-within"], suites["smollm2-tuning"]
    second = [(f"gemma-3-270m: {method}", suites[GEMMA], method) for method in ("seal", "lora")]
    by_place["costs"] = costs([*((method, within, method) for method in (C, H, LORA, DORA)), *second])
    by_place["reasons-costs"] = costs([(method, tuning, method) for method in (C600, LORA600, C2048, LORA2048)])
    return by_place


def filled(page: str, by_place: dict[str, str]) -> str:
    """Return the page with each table put between `<!-- computed: NAME -->` and `<!-- end -->`."""
    for key, text in by_place.items():
        before, rest = page.split(f"<!-- computed: {key} -->")
        page = f"{before}<!-- computed: {key} -->\n{text}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"
    return page


if __name__ == "__main__":
    page_file = Path(sys.argv[2])
    page_file.write_text(filled(page_file.read_text(encoding="utf-8"), tables(Path(sys.argv[1]))), encoding="utf-8")
