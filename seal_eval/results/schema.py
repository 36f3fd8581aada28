"""What this project reads in lm-eval's result files, as pydantic models: the results file, and the rows of sample files."""

from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from seal_eval.core.about import About, Hash
from seal_eval.core.checked import Amount, Fraction, Label, Name, Part, Whole
from seal_eval.core.types import CLUSTER_KEY
from seal_eval.results.absent import SuiteRecord

Seconds = Annotated[float, Field(gt=0, le=1e12)]


def _seconds(value: Any) -> Any:
    """lm-eval writes the total time as text."""
    try:
        valid = value is None or (not isinstance(value, bool) and 0 <= float(value) <= 1e12)
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError("must be a number of seconds, finite and not negative")
    return value


def _file_part(name: str) -> str:
    if "/" in name or "\\" in name:
        raise ValueError("must not be a path")
    return name


TaskName = Annotated[Name, Field(max_length=200), AfterValidator(_file_part)]


class Pace(Part):
    """The engine's own timing of its prompts."""

    prompt_tokens: Amount
    seconds: Seconds
    others: Amount


class Own(Part):
    """`config.seal_eval`, what this project adds to lm-eval's file."""

    model: Name | None = None
    method: Name | None = None
    settings: dict[Name, Any] | None = None
    about: About | None = None
    pace: Annotated[Pace | None, BeforeValidator(lambda pace: None if pace == {} else pace)] = None  # {}: every reply was in the journal
    hardware: Label | None = None
    version: Label | None = None
    torch: Label | None = None
    attention: Label | None = None
    max_length: Whole | None = None
    model_source: dict[str, Any] | str | None = None
    model_content: Label | None = None
    trained_window: Whole | None = None
    suite: SuiteRecord | None = None


class Config(Part):
    """`config` of a results file."""

    model: Name | None = None
    model_args: dict[Name, Any] | str | None = None
    model_dtype: Label | None = None
    batch_size: Label | int | None = None
    seal_eval: Own | None = None
    seal_eval_suite: SuiteRecord | None = None


class Counts(Part):
    """A task's entry in `n-samples`."""

    effective: Annotated[int, Field(ge=0)] | None = None


class ResultsFile(Part):
    """A results_*.json file."""

    config: Config
    results: dict[TaskName, dict[str, Any]]
    versions: dict[Name, Label | float | None] | None = None
    counts: dict[str, Counts] | None = Field(None, alias="n-samples")
    group_subtasks: dict[str, list[str]] | None = None
    higher_is_better: dict[Name, dict[Name, bool | None] | None] | None = None
    date: Annotated[float, Field(ge=0, lt=253402300800)] | None = None  # seconds since 1970, up to the year 9999
    replies_found: Whole | None = None  # of an earlier attempt, whose time the run does not know
    total_evaluation_time_seconds: Annotated[Any, AfterValidator(_seconds)] = None
    pretty_env_info: str | None = None
    lm_eval_version: Label | None = None
    transformers_version: Label | None = None
    git_hash: Label | None = None


class Doc(Part):
    """The doc of a sample of this project's tasks, as far as tables, pages and scoring read it."""

    sample_id: Name
    input: str
    targets: Annotated[list[str], Field(min_length=1)]
    keys: list[str]
    length: Whole
    n_tokens: Whole
    depth: Fraction | None
    cluster: Name = Field(validation_alias=AliasChoices(CLUSTER_KEY, "cluster"))
    answer_tokens: Whole
    prefix: str | None = None
    think_start: str | None = None
    think_end: str | None = None
    think_open: bool | None = None


class Row(Part):
    """A line of a sample file of this project's tasks."""

    doc: Doc
    filtered_resps: Annotated[list[str], Field(min_length=1)]
    prompt_hash: Hash
    target_hash: Hash
    acc: Fraction | None = None


class ForeignRow(Part):
    """A line of a sample file of a task from outside this project; the metrics are read by name."""

    doc_id: Annotated[int, Field(ge=0)] | Name
    doc: Any
    target: Any
    filtered_resps: list[Any]
    doc_hash: Hash
    prompt_hash: Hash
    target_hash: Hash
    filter: Name = "none"
    metrics: list[Name] | None = None
