"""What methods that come from a tuning run have in common."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tuned:
    """A method read from an adapter's folder."""

    adapter: str

    def about(self) -> dict[str, Any]:
        """What the adapter's card says of its tuning (without the log), and the hash of its weights; for the run's results."""
        from seal_eval.adapters import about

        return about(self.adapter)
