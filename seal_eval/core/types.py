"""The data types shared by all packages, without logic. Times are in seconds, fractions in 0..1; a missing value is None."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TaskLength = tuple[str, int | None]  # a cell of the tables: (task, length); length None: the task records none
CLUSTER_KEY = "document"  # key of Sample.cluster in sample files


@dataclass(frozen=True)
class Sample:
    """One question about one long text.

    The prompt is `input` followed by `prefix`, rendered with the chat template if the prompt format has one. `answer` is the
    correct continuation, which tuning trains on.
    """

    sample_id: str
    task: str
    input: str
    prefix: str
    answer: str
    targets: tuple[str, ...]  # a right reply has all of them
    keys: tuple[str, ...]  # what the question asks about
    length: int  # nominal, in the task's unit; if tokens: an upper bound for prompt plus answer budget
    n_tokens: int  # measured prompt length, with template and special tokens
    depth: float | None  # measured start of the needed fact (or the first of several) as a fraction of n_tokens; None: spread over the text
    cluster: str  # the same for samples that share a text; `document` in files
    seed: int
    answer_tokens: int  # token budget of the reply


@dataclass(frozen=True)
class Score:
    """value: 0 or 1, None when unscored. answer: what was extracted from the reply. reason: why it got this score.

    metrics: the task's other metrics, each in 0..1, such as the share of targets found or an official scoring rule.
    """

    value: float | None
    answer: str | None
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One model's reply to one sample."""

    run_id: str
    sample_id: str
    task: str
    length: int | None  # None: a task from outside this package, which records none
    n_tokens: int
    depth: float | None
    cluster: str
    targets: tuple[str, ...]
    reply: str
    answer: str | None
    score: float | None
    reason: str
    prompt_hash: str  # of prompt and target


@dataclass(frozen=True)
class Absent:
    """A cell that a suite planned and that has no result."""

    suite: str
    model: str
    method: str  # as the suite names it, with its settings
    task: str
    size: int | None  # None: a task from outside this package
    reason: str  # 'failed: …', 'not run' or 'no result'


@dataclass(frozen=True)
class Run:
    """One model with one method on some tasks, as read from lm-eval's result files."""

    run_id: str
    model: str
    method: str
    settings: dict[str, Any]  # the method's; of a stock engine: the model_args that change the model
    about: dict[str, Any]  # the method's own record: trained parameters, tuning time, forgetting
    config: dict[str, Any]  # lm-eval's `config`
    versions: dict[str, str]
    hardware: str
    date: str  # lm-eval's file stamp, local time: '2026-11-24T19-05-17.422095'; names the run's files
    utc: str  # when the evaluation began, '2026-11-24T19:05:17Z'
    command: str
    seconds: float | None  # whole evaluation, model loading included
    files: dict[str, str]  # file name → sha256; the results file is the first
    task_versions: dict[str, str]  # lm-eval task name → version
    folder: Path = field(repr=False)  # folder of the files
    records: tuple[Record, ...] = field(repr=False)
    budgets: dict[str, int] = field(repr=False, default_factory=dict)  # task → tokens of a reply, thinking included
    absent: tuple[Absent, ...] = field(repr=False, default=())  # what its suite planned for the model and did not get
    # what was taken for the document in tasks from outside this project, a `Guess` of results/lm_eval_documents.py for each
    guesses: tuple[Any, ...] = field(repr=False, default=())

    @property
    def results_file(self) -> Path:
        """lm-eval's results file, or the file of scores that the run was read from."""
        return self.folder / next(iter(self.files))


@dataclass(frozen=True)
class Estimate:
    """A value with its interval at `level` and the statistical method behind both. Paired differences have p_value and n_discordant."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    n_missing: int = 0
    p_value: float | None = None
    n_discordant: int | None = None
