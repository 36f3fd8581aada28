"""The settings of a tuning run."""

from dataclasses import dataclass, field
from typing import Any, Literal

from seal_eval.core.checked import whole_number
from seal_eval.core.errors import SealError
from seal_eval.core.settings import Count, Index, NonNegative, Positive, check_settings, check_value

Granularity = Literal["head", "channel"]
Kind = Literal["seal", "lora", "dora"]
Wordings = Literal["own", "all"]
Recipe = Literal["mixed", "fixed"]
Mixture = tuple[tuple[str, int], ...]
Dtype = Literal["auto", "float32", "bfloat16", "8bit", "4bit"]
# Default learning rates of AdamW for a run of REACH_STEPS steps. A scale is a factor on a head's output, so a rate means the same on every
# model. For other numbers of steps see TuneSpec.rate. Measurements: docs/tuning.md.
RATES = {"head": 0.05, "channel": 0.02, "lora": 2e-3, "dora": 2e-3}
REACH_STEPS = 50
# What a recipe sets where the user does not. parts: the sizes are `length` divided by these, in turn. Measurements: docs/tuning-recipes.md.
RECIPES: dict[str, dict[str, Any]] = {
    "mixed": {"parts": (4, 2, 1), "samples": 24, "questions": 6, "wordings": "own", "validation": 1},
    "fixed": {"parts": (1,), "samples": 50, "questions": 1, "wordings": "own", "validation": 8},  # Lee et al. 2025: one length
}
BY_RECIPE = "by recipe"  # shown as an option's default
CHECKPOINT_FROM = 4096  # samples of at least this many tokens recompute activations, unless `checkpointing` is set


def setting(default: Any, text: str, shown: str | bool = True, flag: str = "") -> Any:
    """Return a field of TuneSpec, which is also an option of `seal-eval tune`.

    text: the option's help. shown: the default in the help, True for the value itself. flag: the option's name if it is not --NAME.
    """
    return field(default=default, metadata={"help": text, "shown": shown, "flag": flag})


@dataclass(frozen=True)
class TuneSpec:
    """Settings of a tuning run. Each is an option of `seal-eval tune`, whose help describes it.

    task: one or more tasks, comma-separated, used in turn; 'name:size' sets the size for one task. Others have the recipe's sizes.
    samples, questions, wordings, validation: None stands for the recipe's, and is replaced by it.
    on: method applied to the model during tuning, written as in --model_args: 'self_extend,group=4'.
    Raises SealError for a value that is not allowed. Task and method names are checked later, by `tune`.
    """

    task: str = setting(
        "seal_lines",
        "Task that generates the training samples. Several, separated by commas, are used in turn; NAME:SIZE sets the size for one.",
    )
    length: Count = setting(1024, "Size of the longest sample, in the task's unit.")
    recipe: Recipe = setting(
        "mixed",
        "mixed: 24 records of a quarter of the size, half and all of it in turn, with six questions each. fixed: 50 samples of one "
        "size, as in the paper. It sets what the options below leave out.",
    )
    granularity: Granularity = setting("channel", "One scale per head (SEAL-H) or per channel (SEAL-C).")
    samples: Count = setting(None, "Training records to generate, for one epoch.", BY_RECIPE)
    batch: Count = setting(1, "Records of an optimizer step. Processes that torchrun starts share them.")
    seed: Index = setting(0, "Seed of the samples. They share no keys, numbers or text with evaluation samples.")
    lr: Positive | None = setting(None, "Learning rate of AdamW; it falls linearly to 0.", "by rule")
    questions: Count = setting(None, "Questions about each record, which is read once for all.", BY_RECIPE)
    wordings: Wordings = setting(None, "Wordings: own (the task's default), or all of the task in turn.", BY_RECIPE)
    validate_on: str = setting("", "Tasks and sizes of the validation samples, written as --task.", "those of --task")
    kl: NonNegative = setting(10.0, "Weight of KL(plain ‖ tuned) on prose, in nats per token. It limits forgetting.")
    method: Kind = setting("seal", "seal; or lora or dora for comparison.")
    rank: Count = setting(4, "Rank of lora and dora.")
    shrink: NonNegative = setting(0.0, "Weight of the scales' mean squared distance from 1.")
    cost_limit: NonNegative = setting(
        0.01, "Allowed rise of the perplexity of prose, as a fraction. Of the candidates within it, the one with the lowest loss is kept."
    )
    validation: Index = setting(None, "Validation records to generate for each task and size; 0 counts as 1.", BY_RECIPE)
    dtype: Dtype = setting(
        "auto", "Type of the frozen weights during tuning: auto (as saved), float32, bfloat16; 8bit or 4bit (bitsandbytes)."
    )
    checkpointing: bool | None = setting(None, "Recompute activations in the backward pass to save memory.", "from 4,096 tokens")
    on: str = setting("", "Method applied to the model during tuning, such as self_extend,group=4.")
    chat: bool = setting(False, "Render the samples with the model's chat template.", flag="--apply_chat_template")
    system: str = setting("", "System prompt of the samples.", flag="--system_instruction")

    def __post_init__(self) -> None:
        check_value("tuning", "recipe", self.recipe, Recipe)
        for name in ("samples", "questions", "wordings", "validation"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, RECIPES[self.recipe][name])
        check_settings("tuning", self)
        if self.method != "seal" and self.shrink:
            raise SealError(f"shrink is {self.shrink}: it pulls scales to 1, and {self.method} has none; leave it out")
        name, parameters = ("rank", "low-rank weights") if self.method == "seal" else ("granularity", "scales")
        if (value := getattr(self, name)) != getattr(type(self), name):  # the default
            raise SealError(f"{name} is {value}: it is of {parameters}, and {self.method} has none; leave it out")
        self.mixture()  # raises for a malformed task
        self.validation_mixture()

    def mixture(self) -> Mixture:
        """Return ((task, size), …) in the order in which they are used. Raises SealError for malformed text and for a repetition."""
        return self._mixture("task", self.task)

    def validation_mixture(self) -> Mixture:
        """Return ((task, size), …) of the validation samples."""
        return self._mixture("validate_on", self.validate_on) if self.validate_on else self.mixture()

    def _mixture(self, name: str, text: str) -> Mixture:
        parts = [part.strip().partition(":") for part in text.split(",")]
        for task, colon, size in parts:
            if not task or (colon and not whole_number(size)):
                raise SealError(f"{name} '{task}{colon}{size[:40]}' is not NAME or NAME:SIZE with a size from 1 to a billion")
        first, *more = dict.fromkeys(max(1, self.length // part) for part in RECIPES[self.recipe]["parts"])
        mixture = [(task, int(size) if colon else first) for task, colon, size in parts]
        mixture += [(task, longer) for longer in more for task, colon, _ in parts if not colon]
        if len(set(mixture)) < len(mixture):
            raise SealError(f"{name} '{text}' names one task twice at one size")
        return tuple(mixture)

    def rate(self) -> float:
        """Return the initial learning rate of AdamW: `lr`, or the default from RATES times REACH_STEPS / steps.

        The default keeps rate * steps constant, so a parameter can move equally far in any run. Below 10 steps it stays at that of 10.
        """
        return self.lr or RATES[self.granularity if self.method == "seal" else self.method] * REACH_STEPS / max(self.steps(), 10)

    def steps(self) -> int:
        """Return the number of optimizer steps."""
        return -(-self.samples // self.batch)

    def label(self) -> str:
        """Return a description of the trained parameters, such as 'one scale per channel'."""
        return f"one scale per {self.granularity}" if self.method == "seal" else f"{self.method} of rank {self.rank}"
