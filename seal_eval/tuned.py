"""What methods that come from a tuning run have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Tuned:
    """A method read from an adapter's folder."""

    shares_prefix: ClassVar[bool] = True

    adapter: str

    def about(self) -> dict[str, Any]:
        """What the adapter's card says of its tuning (without the log), and the hash of its weights; for the run's results."""
        from seal_eval.adapters import about

        return about(self.adapter)


@dataclass(frozen=True)
class TunedLowRank(Tuned):
    """A LoRA or DoRA folder of peft's."""

    changes: ClassVar[str] = "weights"
    dora: ClassVar[bool] = False  # size and direction apart

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        from seal_eval.low_rank import applied

        with applied(model, self.adapter, self.dora):
            yield model
