"""The nouns, no logic. Lengths are in tokens, times in seconds, fractions in 0..1; missing is None."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

TaskLength = tuple[str, int | None]  # a cell of the tables: task and length, None for a task that does not say
CLUSTER_KEY = "document"  # what sample files call Sample.cluster


@dataclass(frozen=True)
class Sample:
    """One question on one long text.

    The model is shown `input + prefix`, through its chat template when the frame says so; `answer` is the continuation a
    perfect model gives and tuning learns.
    """

    sample_id: str
    task: str
    input: str
    prefix: str
    answer: str
    targets: tuple[str, ...]  # every one is expected
    keys: tuple[str, ...]  # what is asked for
    length: int  # nominal, in the task's unit; tokens: prompt and answer budget fit into so many
    n_tokens: int  # measured: what the model sees before its answer, template and special tokens included
    depth: float | None  # measured: where the needed fact starts, as a fraction of n_tokens; None when it is everywhere
    cluster: str  # samples that share a text share it; written as `document`
    seed: int
    answer_tokens: int  # the budget for the reply


@dataclass(frozen=True)
class Score:
    """value 0 or 1, None when unscored; `answer` is what was read from the reply, `reason` why it scored so.

    `metrics` are the other numbers of the task's table, 0..1 each: the share of targets found, an official rule.
    """

    value: float | None
    answer: str | None
    reason: str
    metrics: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass whose fields are its settings.

    `apply(model)` is a context manager: inside it the model uses the method, afterwards it is as before.
    """

    summary: ClassVar[str]
    citation: ClassVar[str]

    def apply(self, model: Any) -> AbstractContextManager[Any]: ...


class Task(Protocol):
    """A frozen dataclass whose fields after `name` and `summary` are its settings, the keys of lm-eval's --metadata.

    A file in tasks/ lists its tasks in TASKS; nothing else registers them.
    """

    name: str
    summary: str
    unit: ClassVar[str]  # of a length: tokens, lines or topics
    sizes: ClassVar[tuple[int, ...]]  # default lengths, those that fit the model's window
    num_samples: ClassVar[int]  # default per length
    metrics: ClassVar[tuple[str, ...]]  # besides acc

    @property
    def citation(self) -> str: ...

    @property
    def answer_tokens(self) -> int: ...  # budget of a reply

    @property
    def until(self) -> tuple[str, ...]: ...  # a reply ends before these

    def build(self, prompt_format: Any, length: int, n: int, seed: int, split: Any = "eval") -> list[Sample]: ...

    def score(self, reply: str, doc: Mapping[str, Any]) -> Score: ...


@dataclass(frozen=True, slots=True)
class Record:
    """One model's reply to one sample."""

    run_id: str
    sample_id: str
    task: str
    length: int | None  # None: a task of others, which does not say
    n_tokens: int
    depth: float | None
    cluster: str
    targets: tuple[str, ...]
    reply: str
    answer: str | None
    score: float | None
    reason: str
    prompt_hash: str


@dataclass(frozen=True)
class Run:
    """One model with one method on some tasks, as read from lm-eval's result files."""

    run_id: str
    model: str
    method: str
    settings: dict[str, Any]  # the method's, as recorded by the engine
    about: dict[str, Any]  # what the method says of itself: trained parameters, tuning time, cost elsewhere
    config: dict[str, Any]  # lm-eval's
    versions: dict[str, str]
    hardware: str
    date: str
    command: str
    seconds: float | None
    files: dict[str, str]  # file name → sha256
    task_versions: dict[str, str]  # as lm-eval names its tasks
    folder: Path = field(repr=False)  # where the files are
    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, and the name of the method that gave both. A paired difference also has p_value and n_discordant."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    n_missing: int = 0
    p_value: float | None = None
    n_discordant: int | None = None
