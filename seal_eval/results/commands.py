"""Commands that read results: statistics and LongEval's response files. Parse, call, print."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def compare_command(
    results: Annotated[Path, typer.Argument(help="Folder with lm-eval's result files, of our tasks or any other; searched below too.")],
    baseline: Annotated[
        str,
        typer.Option(
            help="Method the others are compared with, or model when each has one method.", show_default="plain, or the first model"
        ),
    ] = "",
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    metric: Annotated[str, typer.Option(help="Of tasks that are not ours: NAME or NAME,FILTER.", show_default="the first in 0 to 1")] = "",
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Intervals and p-values that stay valid when you look again and again.")
    ] = False,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="Also the posterior chance of being better, and of being the same to a point.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the tables as LaTeX.")] = False,
) -> None:
    """Which differences are real: reads the design from the records, picks the test, says which and why. Over all, per task, per cell."""
    from seal_eval.core.errors import SealError
    from seal_eval.results.compare import compare as analyse
    from seal_eval.results.paired import check_clusters, paired_scores
    from seal_eval.results.records import load_runs
    from seal_eval.results.splits import comparable_groups
    from seal_eval.results.tables import FORMATS, as_text, show

    chosen = [name for name, wanted in zip(FORMATS, (json, csv, markdown, latex), strict=True) if wanted]
    if len(chosen) > 1:
        raise SealError(f"--{chosen[0]} and --{chosen[1]}: choose one output format")
    found = []
    for paired in paired_scores(comparable_groups(load_runs(results, foreign=True, metric=metric)), baseline):
        check_clusters(paired)
        found.append(analyse(paired, level, anytime))
    if chosen:
        print(as_text(found, chosen[0], bayes), end="")
        return
    for one in found:
        show(one, bayes)


def power_command(
    pilot: Annotated[Path | None, typer.Argument(help="Folder with a pilot's results, in place of a guess.")] = None,
    accuracy: Annotated[float | None, typer.Option(help="Guessed accuracy of the method, 0 to 1.")] = None,
    against: Annotated[float | None, typer.Option(help="Guessed accuracy of the baseline.")] = None,
    discordance: Annotated[
        float | None, typer.Option(help="Share of samples on which they differ.", show_default="as if their replies were independent")
    ] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Of the paired difference within a document, 0 to 1.", show_default="the pilot's, or 0")
    ] = None,
    power: Annotated[float, typer.Option(help="Wanted chance of finding the difference.")] = 0.8,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.95,
    comparisons: Annotated[int, typer.Option(help="Methods that are compared with the baseline.")] = 1,
    seconds_per_record: Annotated[float, typer.Option(help="Cost of reading a record once.")] = 0.0,
    seconds_per_question: Annotated[float, typer.Option(help="Cost of each question on it.")] = 1.0,
    baseline: Annotated[str, typer.Option(help="The pilot's.", show_default="plain, or the first model")] = "",
    metric: Annotated[str, typer.Option(help="Of a pilot's tasks that are not ours: NAME or NAME,FILTER.")] = "",
) -> None:
    """How many records and questions it takes to see a difference, and the cheapest mix of the two."""
    from seal_eval.core.errors import SealError
    from seal_eval.results.paired import paired_scores
    from seal_eval.results.power import from_pilot, guess, lines
    from seal_eval.results.records import load_runs
    from seal_eval.results.splits import comparable_groups

    if pilot is None:
        if accuracy is None or against is None:
            raise SealError("power needs a pilot's results folder, or --accuracy and --against")
        guesses = [guess(accuracy, against, discordance, correlation or 0.0)]
    elif accuracy is not None or against is not None or discordance is not None:
        raise SealError("a pilot's results take the place of --accuracy, --against and --discordance; give one or the other")
    else:
        runs = comparable_groups(load_runs(pilot, foreign=True, metric=metric))
        guesses = [g for d in paired_scores(runs, baseline) for g in from_pilot(d, correlation)]
    for one in guesses:
        print("\n".join(lines(one, power, level, comparisons, seconds_per_record, seconds_per_question)))


def longeval_lines_command(files: Annotated[list[Path], typer.Argument(help="Files of 'Label: …, Predict: …, Parsed: …' lines.")]) -> None:
    """LongEval line responses by LongEval's own rule (last digits of the reply) and by ours (first number)."""
    from seal_eval.results.longeval_replies import rescore
    from seal_eval.results.numbers import percent

    for found in map(rescore, files):
        said = "" if found.published is None else f"; the file says {100 * found.published:.1f} %"
        print(f"{found.file}: n = {found.official.n}, official {percent(found.official)}, ours {percent(found.ours)}{said}")
        if found.disagree:
            print(f"  the rules differ on lines {', '.join(map(str, found.disagree))}")


STATISTICS: dict[str, Callable[..., None]] = {"compare": compare_command, "power": power_command}
