"""The paper's claims against the published runs: every number of docs/claims.md.

    python benchmarks/claims.py leaderboard/results docs/claims.md      (writes the tables into the page; without a page, prints them)

Differences are paired, with the interval and the p-value that `seal-eval compare` gives for the same two methods, not adjusted for
the number of rows. A claim that something is better holds when the interval lies above 0. A claim that it is as good says how much worse
it may be. Either is contradicted when the interval lies below 0. Where neither method has a right answer, there is nothing to see.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seal_eval.compare import Row, method_rows
from seal_eval.design import designs
from seal_eval.reading import p_text, percent
from seal_eval.records import load_runs
from seal_eval.types import Estimate, Record, Run

PLAIN, C, H, LORA, DORA, RULE = "plain", "seal(seal-channel)", "seal(seal-head)", "lora", "dora", "rule"
TUNED = ("seal_lines", "seal_needle_multikey")
WINDOW = 8192
START, END = "<!-- computed: benchmarks/claims.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Claim:
    """What the paper says, and the rows that look at it."""

    claim: str
    paper: str
    rows: Sequence[tuple[str, str, str, Callable[[Record], bool]]]  # what, method, against, which samples
    as_good: bool = False  # not that it is better


def within(record: Record) -> bool:
    return record.task in TUNED and (record.length or 0) <= WINDOW


def beyond(record: Record) -> bool:
    return (record.length or 0) > WINDOW and record.task in TUNED


def at(task: str, low: int, high: int) -> Callable[[Record], bool]:
    return lambda record: record.task == task and low <= (record.length or 0) <= high


EXTENSIONS = {
    "linear": "linear", "NTK": "ntk", "YaRN": "yarn", "Self-Extend": "self_extend", "dual chunks": "dual_chunk",
}  # fmt: skip
CLAIMS = (
    Claim("Retrieval improves by a large margin within the window", "LongChat-7B at 31K: .32 → .88 (SEAL-C), .80 (SEAL-H)", (
        ("SEAL-C, both tasks it was tuned on, 512–4,096 tokens", C, PLAIN, within),
        ("SEAL-H, the same", H, PLAIN, within),
    )),
    Claim("Scaling heads by hand (0.9, 1.1) helps too", ".32 → about .6", (("rule from the map of heads", RULE, PLAIN, within),)),
    Claim("SEAL-C is at least as good as SEAL-H", "31K: .88 and .80; 9K to 28K about equal", (
        ("SEAL-C against SEAL-H", C, H, within),
    ), as_good=True),
    Claim("As good as LoRA and DoRA, with a fraction of the parameters", "31K: SEAL-C .88, LoRA .80, DoRA .86", (
        ("SEAL-C against LoRA r = 4", C, LORA, within),
        ("SEAL-C against DoRA r = 4", C, DORA, within),
        ("SEAL-C against LoRA, at 512 tokens alone", C, LORA, lambda r: within(r) and r.length == 512),
        ("SEAL-C against DoRA, the same", C, DORA, lambda r: within(r) and r.length == 512),
    ), as_good=True),
    Claim("Carries over to lengths it was not tuned at", "tuned once, .92–.98 from 9K to 28K", (
        ("lines, 512", C, PLAIN, at("seal_lines", 512, 512)),
        ("lines, 1,024", C, PLAIN, at("seal_lines", 1024, 1024)),
        ("lines, 2,048", C, PLAIN, at("seal_lines", 2048, 2048)),
        ("lines, 4,096", C, PLAIN, at("seal_lines", 4096, 4096)),
    )),
    Claim("Tasks it was not tuned on", "one set of scales per format is a stated limit", (
        ("single needle", C, PLAIN, at("seal_needle", 0, WINDOW)),
        ("variable tracking", C, PLAIN, at("seal_variable_tracking", 0, WINDOW)),
        ("first of five topics", C, PLAIN, at("seal_longeval_topics", 0, WINDOW)),
    ), as_good=True),
    Claim("Combines with context extension beyond the window", "NTK alone fails beyond 12K, with SEAL it comes back", (
        ("SEAL-C alone against plain, beyond the window", C, PLAIN, beyond),
        *((f"{name} + SEAL-C against {name} alone", f"{method}+seal", method, beyond) for name, method in EXTENSIONS.items()),
        *((f"{name} + SEAL-C against SEAL-C alone", f"{method}+seal", C, beyond) for name, method in EXTENSIONS.items()),
    )),
)  # fmt: skip


def row(runs: list[Run], method: str, against: str, keep: Callable[[Record], bool]) -> Row | None:
    """The paired difference over the kept samples, None when there are none."""
    chosen = [replace(run, records=tuple(r for r in run.records if keep(r))) for run in runs if run.method in (method, against)]
    chosen = [run for run in chosen if run.records]
    if {run.method for run in chosen} != {method, against}:
        return None
    (design,) = designs(chosen, against)
    return next(found for found in method_rows(design) if found.scope == "primary" and found.difference)


def verdict(found: Row, difference: Estimate, as_good: bool) -> str:
    """Of a claim that the difference is above 0, or not below."""
    if found.accuracy.value == difference.value == 0:
        return "neither answers"
    if difference.high < 0:
        return "contradicted"
    if difference.low > 0:
        return "better" if as_good else "holds"
    return f"at most {-100 * difference.low:.1f} worse" if as_good else "not shown"


def table(folder: Path) -> str:
    """Both tables in Markdown."""
    runs = load_runs(folder)
    lines = ["| claim | the paper | here | samples | right, % | difference, points | p | verdict |", "|---|---|---|---|---|---|---|---|"]
    for claim in CLAIMS:
        for i, (what, method, against, keep) in enumerate(claim.rows):
            cells = [claim.claim, claim.paper] if i == 0 else ["", ""]
            found = row(runs, method, against, keep)
            if found is None or (difference := found.difference) is None:
                cells += [what, "", "", "not run yet", "", ""]
            else:
                right = f"{100 * (found.accuracy.value - difference.value):.1f} → {100 * found.accuracy.value:.1f}"
                cells += [what, f"{difference.n} on {found.n_documents} texts", right, percent(difference, sign=True)]
                cells += [p_text(difference.p_value), verdict(found, difference, claim.as_good)]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| method | trained | tuning, s | peak memory, GB | perplexity of prose | short questions right |",
        "|---|---|---|---|---|---|",
    ]
    for method in (C, H, LORA, DORA):
        about = next((run.about for run in runs if run.method == method), None)
        if about:
            right = [round(about[f"short_accuracy_{when}"] * about["short_questions"]) for when in ("before", "after")]
            rise = f"{100 * (about['prose_perplexity_ratio'] - 1):+.1f} %".replace("-", "−")
            lines.append(
                f"| {method} | {about['trained_parameters']:,} | {about['tuning_seconds']:.0f} | {about['peak_memory_bytes'] / 1e9:.1f} "
                f"| {rise} | {right[0]} → {right[1]} of {about['short_questions']} |"
            )
    return "\n".join(lines)


def into(page: Path, tables: str) -> None:
    """Put the tables between the page's two marks."""
    before, rest = page.read_text(encoding="utf-8").split(START)
    page.write_text(f"{before}{START}\n{tables}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    made = table(Path(sys.argv[1]))
    into(Path(sys.argv[2]), made) if len(sys.argv) > 2 else print(made)
