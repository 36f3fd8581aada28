"""Log-likelihoods with a method applied: refused where it would not act, one text at a time where it depends on a batch's others."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lm_eval.models.huggingface import HFLM

from seal_eval.core.errors import SealError
from seal_eval.core.given_texts import why_not_on_given_texts
from seal_eval.core.plugins import Method


class Likelihoods(HFLM):
    """lm-eval's HFLM, whose log-likelihoods heed what `method` says of itself. They are read in one pass, without a cache."""

    method_name: str
    method: Method

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return (log-likelihood, whether greedy) of each continuation. Raises SealError as `check_acts` does."""
        with self._in_batches(requests):
            return super().loglikelihood(requests, disable_tqdm=disable_tqdm)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-likelihood of each text. Raises SealError as `check_acts` does."""
        with self._in_batches(requests):
            return super().loglikelihood_rolling(requests, disable_tqdm=disable_tqdm)

    @contextmanager
    def _in_batches(self, requests: list[Any]) -> Iterator[None]:
        """Context manager: inside it batches hold one text if the method depends on a batch's others, which is said on stderr."""
        check_acts(self.method_name, self.method, str(requests[0].task_name or "") if requests else "")
        size = int(self.batch_size)
        if self.method.one_at_a_time and size != 1:
            print(f"method '{self.method_name}' depends on the texts of a batch; log-likelihoods are scored one by one", file=sys.stderr)
            self.batch_size_per_gpu = 1
        try:
            yield
        finally:
            self.batch_size_per_gpu = size


def check_acts(name: str, method: Method, task: str) -> None:
    """Raise SealError for a method that does not act on given texts as it does in a reply."""
    if why := why_not_on_given_texts(method):
        raise SealError(
            f"task '{task}' scores given texts in one pass, and method '{name}' {why}; leave the task out, or choose another method"
        )
