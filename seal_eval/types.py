"""The nouns, no logic. Lengths are in tokens, times in seconds, fractions in 0..1; missing is None."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable


@dataclass(frozen=True)
class Sample:
    """One question on one long text.

    The model is shown `input + prefix`; `answer` is the continuation a perfect model gives and tuning learns.
    """

    sample_id: str
    task: str
    input: str
    prefix: str
    answer: str
    targets: tuple[str, ...]
    length: int  # nominal: prompt and answer budget fit into this many tokens
    n_tokens: int  # measured: tokens of input + prefix
    depth: float  # measured: where the needed fact starts, as a fraction of n_tokens
    document: str  # cluster id: samples that share a text share it
    seed: int


@dataclass(frozen=True)
class Score:
    """value in 0..1, or None when unscored; `answer` is what was read from the reply, `reason` why it scored so."""

    value: float | None
    answer: str | None
    reason: str


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass whose fields are its settings.

    `apply(model)` is a context manager: inside it the model uses the method, afterwards it is as before.
    """

    summary: ClassVar[str]
    citation: ClassVar[str]

    def apply(self, model: Any) -> AbstractContextManager[Any]: ...


class TaskModule(Protocol):
    """What a file in tasks/ offers."""

    NAME: str
    SUMMARY: str
    CITATION: str
    ANSWER_TOKENS: int
    build: Callable[..., list[Sample]]
    score: Callable[[str, tuple[str, ...]], Score]


@dataclass(frozen=True)
class Record:
    """One model's reply to one sample."""

    run_id: str
    sample_id: str
    task: str
    length: int
    n_tokens: int
    depth: float
    document: str
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
    records: tuple[Record, ...] = field(repr=False)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. A paired difference also has p_value and n_discordant."""

    value: float
    low: float
    high: float
    level: float
    n: int
    how: str
    n_missing: int = 0
    p_value: float | None = None
    n_discordant: int | None = None
