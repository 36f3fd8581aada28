"""Ends the generation of begun answers where their answer ends; the stop strings count only after it (prompts/stops.py)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria

from seal_eval.prompts.stops import answer_end, loops
from seal_eval.tasks import base_task, get_task


class AnswerEnded(StoppingCriteria):
    """Stops each row of a batch by itself. docs: one document per row, or None for a row without stop strings of its own."""

    def __init__(self, decode: Any, docs: Sequence[Mapping[str, Any] | None], n_prompt: int) -> None:
        self.decode, self.docs, self.n_prompt = decode, docs, n_prompt
        self.seen = [0] * len(docs)  # characters in which no answer ends

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """[batch] of bool: the rows whose answer has ended. input_ids: [batch, prompt and reply so far]."""
        written = input_ids[:, self.n_prompt :].tolist()
        done = [doc is not None and self._ended(i, self.decode(written[i]), doc) for i, doc in enumerate(self.docs)]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def _ended(self, row: int, reply: str, doc: Mapping[str, Any]) -> bool:
        """True when a reply to a begun answer needs no more tokens."""
        if not doc.get("prefix"):
            return False
        # what ended nothing before may do so with the next character: a stop string counts if white space follows it
        if answer_end(get_task(doc["task"]), reply, doc, max(0, self.seen[row] - 4)) is not None or loops(reply):
            return True
        self.seen[row] = len(reply)
        return False


def is_ours(doc: Any) -> bool:
    """True for a document of one of this project's tasks."""
    return isinstance(doc, dict) and base_task(str(doc.get("task", ""))) is not None and "targets" in doc


def ended_at_answer(reply: str, doc: Mapping[str, Any]) -> str:
    """The reply up to where its answer ends; all of it when the answer was not begun for the model, or does not end."""
    return reply[: answer_end(get_task(doc["task"]), reply, doc)]
