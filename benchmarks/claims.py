"""The paper's claims against the published runs: every number of docs/claims.md.

    python benchmarks/claims.py leaderboard/results docs/claims.md      (writes the tables into the page; without a page, prints them)

Differences are paired, with the interval and the p-value that `seal-eval compare` gives for the same two methods, not adjusted for
the number of rows. A row is 'holds' when its interval lies on the claimed side of 0, 'contradicted' when it lies on the other, else
'not shown'. Claims of no difference name the interval instead.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seal_eval.compare import Row, method_rows
from seal_eval.design import designs
from seal_eval.reading import p_text, percent
from seal_eval.records import load_runs
from seal_eval.types import Record, Run

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
    Claim("SEAL-C is at least as good as SEAL-H", "31K: .88 and .80; 9K to 28K about equal", (("SEAL-C against SEAL-H", C, H, within),)),
    Claim("As good as LoRA and DoRA, with a fraction of the parameters", "31K: SEAL-C .88, LoRA .80, DoRA .86", (
        ("SEAL-C against LoRA r = 4", C, LORA, within),
        ("SEAL-C against DoRA r = 4", C, DORA, within),
        ("… at the tuned length, 512 tokens", C, LORA, lambda r: within(r) and r.length == 512),
    )),
    Claim("Carries over to lengths it was not tuned at", "tuned once, .92–.98 from 9K to 28K", (
        ("lines, 512", C, PLAIN, at("seal_lines", 512, 512)),
        ("lines, 1,024", C, PLAIN, at("seal_lines", 1024, 1024)),
        ("lines, 2,048", C, PLAIN, at("seal_lines", 2048, 2048)),
        ("lines, 4,096", C, PLAIN, at("seal_lines", 4096, 4096)),
    )),
    Claim("One set of scales per task format (a stated limit): others it was not tuned on", "a limit, not measured", (
        ("single needle", C, PLAIN, at("seal_needle", 0, WINDOW)),
        ("variable tracking", C, PLAIN, at("seal_variable_tracking", 0, WINDOW)),
        ("first of five topics", C, PLAIN, at("seal_longeval_topics", 0, WINDOW)),
    )),
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


def verdict(found: Row) -> str:
    """Of a claim that the difference is above 0."""
    assert found.difference
    return "holds" if found.difference.low > 0 else "contradicted" if found.difference.high < 0 else "not shown"


def table(folder: Path) -> str:
    """Both tables in Markdown."""
    runs = load_runs(folder)
    lines = ["| claim | the paper | here | n | difference, points | p | |", "|---|---|---|---|---|---|---|"]
    for claim in CLAIMS:
        for i, (what, method, against, keep) in enumerate(claim.rows):
            head = (claim.claim, claim.paper) if i == 0 else ("", "")
            found = row(runs, method, against, keep)
            if found is None or found.difference is None:
                lines.append(f"| {head[0]} | {head[1]} | {what} | – | not run yet | | |")
                continue
            n = f"{found.difference.n} on {found.n_documents} texts"
            said = percent(found.difference, sign=True)
            lines.append(f"| {head[0]} | {head[1]} | {what} | {n} | {said} | {p_text(found.difference.p_value)} | {verdict(found)} |")
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
