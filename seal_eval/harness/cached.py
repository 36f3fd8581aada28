"""lm-eval's cache of replies (--use_cache): only within `seal-eval run`, which keeps those of other settings apart."""

from typing import Any

from lm_eval.api.model import LM

from seal_eval.core.errors import SealError
from seal_eval.harness.reply_log import Journal


class KeptApart(LM):
    """An engine that takes lm-eval's cache in a run of ours alone. The engine sets the attribute."""

    _journal: Journal | None

    def set_cache_hook(self, cache_hook: Any) -> None:
        """Take the cache. Raises SealError outside of `seal-eval run`: lm-eval finds replies by the task's prompt and options alone."""
        if self._journal is None:
            raise SealError(
                "--use_cache: lm-eval finds cached replies by their prompt alone, whatever method, model or answer budget they are of; use "
                "seal-eval run, which keeps these apart, or leave it out"
            )
        super().set_cache_hook(_WithoutReplies(cache_hook))


class _WithoutReplies:
    """lm-eval's hook without replies: it keeps them twice, here before they are cut where their answer ends."""

    def __init__(self, hook: Any) -> None:
        self.hook = hook

    def add_partial(self, attr: str, req: Any, res: Any) -> None:
        if attr != "generate_until":
            self.hook.add_partial(attr, req, res)
