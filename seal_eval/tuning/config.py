"""What a tuning run depends on, besides the model's weights."""

import math
from dataclasses import dataclass
from typing import Literal

from seal_eval.core.errors import SealError, whole_number

Granularity = Literal["head", "channel"]
Kind = Literal["seal", "lora", "dora"]
KINDS = ("seal", "lora", "dora")
# AdamW's rate at REACH_STEPS steps. A scale is a factor on a head's output, so a rate means the same on every model; with another
# number of steps it changes so that a parameter can travel as far. Measured: docs/tuning.md.
RATES = {"head": 0.05, "channel": 0.02, "lora": 2e-3, "dora": 2e-3}
REACH_STEPS = 50
CHECKPOINT_FROM = 4096  # tokens from which saved activations are recomputed instead, unless said


@dataclass(frozen=True)
class TuneSpec:
    """Settings of a tuning run; each is an option of `seal-eval tune`.

    task: one or several, comma-separated, taken in turn; 'name:size' gives one its own size.
    on: method the model runs with meanwhile, as in run's model_args: 'self_extend,group=4'.
    """

    task: str = "seal_lines"
    length: int = 1024  # size of a sample, in the task's unit
    granularity: Granularity = "channel"  # one scale per head (SEAL-H) or per channel (SEAL-C)
    samples: int = 50  # one step each, one epoch
    seed: int = 0
    lr: float | None = None  # decays linearly to 0; None: by rule
    kl: float = 10.0  # weight of KL(plain ‖ tuned) on prose, nats per token
    method: Kind = "seal"  # or low-rank adapters to compare with
    rank: int = 4  # of lora and dora
    shrink: float = 0.0  # weight of the mean squared distance of the scales from 1
    cost_limit: float = 0.01  # rise of the perplexity of prose that is allowed; the strongest setting below it is kept
    validation: int = 8  # generated samples of each task that judge it
    dtype: str = "auto"  # of the frozen weights: auto (as saved), float32, bfloat16
    checkpointing: bool | None = None  # recompute activations in the backward pass; None: from 4,096 tokens
    on: str = ""
    chat: bool = False  # through the model's chat template
    system: str = ""

    def __post_init__(self) -> None:
        for name, choices in (("granularity", ("head", "channel")), ("method", KINDS), ("dtype", ("auto", "float32", "bfloat16"))):
            if getattr(self, name) not in choices:
                raise SealError(f"{name} '{getattr(self, name)}' is not known; choose {' or '.join(choices)}")
        for name, least in (("length", 1), ("samples", 1), ("rank", 1), ("seed", 0), ("validation", 0)):
            whole_number("tuning", name, getattr(self, name), least)
        for name in ("lr", "kl", "shrink", "cost_limit"):
            value = getattr(self, name)
            if value is not None and (not math.isfinite(value) or value < 0 or (name == "lr" and value == 0)):
                raise SealError(f"{name} is {value}, must be {'above' if name == 'lr' else 'at least'} 0 and finite")
        if self.method != "seal" and self.shrink:
            raise SealError(f"shrink is {self.shrink}: it pulls scales to 1, and {self.method} has none; leave it out")
        self.mixture()

    def mixture(self) -> tuple[tuple[str, int], ...]:
        """((task, size), …) in the order in which they take turns."""
        found = []
        for part in self.task.split(","):
            name, colon, size = part.strip().partition(":")
            if not name or (colon and not size.isdigit()) or size == "0":
                raise SealError(f"task '{part}' is not NAME or NAME:SIZE with a size above 0")
            found.append((name, int(size) if colon else self.length))
        if len(set(found)) < len(found):
            raise SealError(f"task '{self.task}' names one task twice at one size")
        return tuple(found)

    def rate(self) -> float:
        """AdamW's learning rate: the given one, else by rule, so that lr * samples is the same for any number of samples."""
        return self.lr or RATES[self.granularity if self.method == "seal" else self.method] * REACH_STEPS / max(self.samples, 10)

    def label(self) -> str:
        """What is trained, in words."""
        return f"one scale per {self.granularity}" if self.method == "seal" else f"{self.method} of rank {self.rank}"
