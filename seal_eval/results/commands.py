"""Commands that read results: `compare`, `power` and `score longeval-lines`. Each parses its options, calls a function, and prints."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from seal_eval.core.names import visible
from seal_eval.core.streams import say

ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        help="Field of a sample's doc that identifies its document, in tasks from outside this project; KEY.KEY: a field within another.",
        show_default="a guess: the longest text",
    ),
]


def compare_command(
    results: Annotated[
        Path,
        typer.Argument(help="Folder with result files of lm-eval or of Every Eval Ever, subfolders included; or a CSV file of scores."),
    ],
    baseline: Annotated[
        str,
        typer.Option(
            help="Method that the others are compared with; a model, if each model has one method.",
            show_default="plain, or the first model",
        ),
    ] = "",
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    metric: Annotated[
        str,
        typer.Option(
            help="Metric of tasks from outside this project: NAME or NAME,FILTER.", show_default="the first with values in 0 to 1"
        ),
    ] = "",
    cluster: ClusterOption = "",
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Use intervals and p-values that stay valid however often you look at the results.")
    ] = False,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="Add the posterior probability of being better, and of being the same to within one point.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the tables as LaTeX.")] = False,
) -> None:
    """Test which differences between methods are real.

    The output says which test was used, why it fits the data, and what would make it invalid.
    """
    from seal_eval.core.errors import SealError
    from seal_eval.core.streams import warn
    from seal_eval.results.compare import compare as analyse
    from seal_eval.results.paired import check_clusters, paired_scores, why_apart
    from seal_eval.results.records import load_runs
    from seal_eval.results.splits import comparable_groups
    from seal_eval.results.tables import FORMATS, as_text, show

    chosen = [name for name, wanted in zip(FORMATS, (json, csv, markdown, latex), strict=True) if wanted]
    if len(chosen) > 1:
        raise SealError(f"--{chosen[0]} and --{chosen[1]}: choose one output format")
    if anytime and bayes:
        raise SealError("--bayes gives the posterior of one look at a finished run, which --anytime is not; choose one of the two")
    comparisons = []
    runs = comparable_groups(load_runs(results, foreign=True, metric=metric, cluster=cluster))
    for paired in paired_scores(runs, baseline):
        check_clusters(paired)
        comparisons.append(analyse(paired, level, anytime))
    if len(comparisons) > 1 and (why := why_apart(runs)):
        warn(f"the models are shown apart: {why}")
    if chosen:
        say(as_text(comparisons, chosen[0], bayes), end="")
        return
    for comparison in comparisons:
        show(comparison, bayes)


def power_command(
    pilot: Annotated[
        Path | None, typer.Argument(help="Folder with a pilot's results, or a CSV file of its scores, in place of guesses.")
    ] = None,
    accuracy: Annotated[float | None, typer.Option(help="Guessed accuracy of the method, 0 to 1.")] = None,
    against: Annotated[float | None, typer.Option(help="Guessed accuracy of the baseline, 0 to 1.")] = None,
    discordance: Annotated[
        float | None,
        typer.Option(help="Guessed share of samples on which the two differ.", show_default="as if their replies were independent"),
    ] = None,
    correlation: Annotated[
        float | None,
        typer.Option(help="Correlation of the paired difference within a document, 0 to 1.", show_default="the pilot's, at least .05"),
    ] = None,
    power: Annotated[float, typer.Option(help="Wanted probability of detecting the difference.")] = 0.8,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.95,
    comparisons: Annotated[int, typer.Option(help="Number of methods that are compared with the baseline.")] = 1,
    seconds_per_record: Annotated[float, typer.Option(help="Cost of reading a record once, in seconds.")] = 0.0,
    seconds_per_question: Annotated[float, typer.Option(help="Cost of each question on a record, in seconds.")] = 1.0,
    baseline: Annotated[str, typer.Option(help="Baseline of the pilot.", show_default="plain, or the first model")] = "",
    metric: Annotated[
        str, typer.Option(help="Metric of the pilot's tasks, if they are from outside this project: NAME or NAME,FILTER.")
    ] = "",
    cluster: ClusterOption = "",
) -> None:
    """Plan how many records and questions show a difference.

    Also the cheapest combination of the two.
    """
    from seal_eval.core.errors import SealError
    from seal_eval.results.paired import check_clusters, paired_scores
    from seal_eval.results.power import from_pilot, guess, lines
    from seal_eval.results.records import load_runs
    from seal_eval.results.splits import comparable_groups

    if pilot is None:
        if accuracy is None or against is None:
            raise SealError("power needs a pilot's results folder, or --accuracy and --against")
        for flag, value in (("baseline", baseline), ("metric", metric), ("cluster", cluster)):
            if value:
                raise SealError(f"--{flag} is for a pilot's results; leave it out, or name a results folder")
        guesses = [guess(accuracy, against, discordance, correlation)]
    elif accuracy is not None or against is not None or discordance is not None:
        raise SealError("a pilot's results replace --accuracy, --against and --discordance; give one or the other")
    else:
        runs = comparable_groups(load_runs(pilot, foreign=True, metric=metric, cluster=cluster))
        pilots = paired_scores(runs, baseline)
        for paired in pilots:
            check_clusters(paired)
        say(*dict.fromkeys(paired.assumed for paired in pilots if paired.assumed))
        guesses = [g for paired in pilots for g in from_pilot(paired, correlation)]
    for each in guesses:
        say("\n".join(lines(each, power, level, comparisons, seconds_per_record, seconds_per_question)))


def longeval_lines_command(files: Annotated[list[Path], typer.Argument(help="Files of 'Label: …, Predict: …, Parsed: …' lines.")]) -> None:
    """Score response files of LongEval's lines.

    By LongEval's own rule (the last digits of the reply), and by the first number in it.
    """
    from seal_eval.results.longeval_replies import rescore
    from seal_eval.results.numbers import percent

    for scored in map(rescore, files):
        published = "" if scored.published is None else f"; the file says {100 * scored.published:.1f} %"
        say(f"{scored.file}: n = {scored.official.n}, official {percent(scored.official)}, ours {percent(scored.ours)}{published}")
        if scored.disagree:
            say(f"  the rules differ on lines {', '.join(map(str, scored.disagree))}")


def show_reasons(file: Path) -> None:
    """Print why the replies of the run of a results file score what they do; nothing for a run without tasks of this project."""
    from seal_eval.core.files import read_json
    from seal_eval.results.reasons import of_runs
    from seal_eval.results.run_files import read_run
    from seal_eval.results.tables import reasons_table, show_table
    from seal_eval.tasks import base_task

    if not any(map(base_task, read_json(file, nan=True)["results"])):
        return
    table = reasons_table("why replies score what they do", of_runs([read_run(file)]))
    if table:
        show_table(table)


def replies_command(
    results: Annotated[Path, typer.Argument(help="Folder with lm-eval's result files; subfolders are searched too.")],
    reason: Annotated[
        str,
        typer.Option(help="Only replies with this reason, such as 'wrong value' or exact.", show_default="cut off or without an answer"),
    ] = "",
    task: Annotated[str, typer.Option(help="Only replies to this task.", show_default="all")] = "",
    method: Annotated[str, typer.Option(help="Only replies of this method.", show_default="all")] = "",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Most replies to show.")] = 10,
) -> None:
    """Show replies with the reason for their score.

    For each: what was expected, which answer was read from the reply, and what the model wrote.
    """
    from seal_eval.results.reasons import examples
    from seal_eval.results.records import load_runs

    runs = load_runs(results, foreign=results.is_dir(), scored_only=True)  # tasks from outside have no reasons, and are passed over
    found = examples(runs, reason, task, method, number)
    for run, record in found:
        expected, answer = (" ".join(visible(text).split()) for text in (", ".join(record.targets), record.answer or "–"))
        say(f"{record.sample_id}  {run.model}, {run.method}: {record.reason}")
        say(f"  expected: {expected}\n  read:     {answer}\n  reply:    {record.reply[:1000]!r}")
    if not found:
        say("no such reply")


STATISTICS: dict[str, Callable[..., None]] = {"compare": compare_command, "power": power_command, "replies": replies_command}
