"""What an OpenAI-compatible server's answer says: the reply with the thinking that the server took out, and how many tokens it read."""

from collections.abc import Mapping
from typing import Any

from seal_eval.prompts.thinking import without_thinking

FINISHED = ("stop", "eos_token", "stop_sequence")  # finish reasons of replies that ended by themselves; TGI has the last two


def prompt_tokens(answer: Mapping[str, Any]) -> int | None:
    """Return how many tokens the server has read, None when it does not say; some write 0 for that."""
    return _counted(answer, "prompt_tokens")


def _counted(answer: Mapping[str, Any], name: str) -> int | None:
    usage = answer.get("usage")
    n = usage.get(name) if isinstance(usage, dict) else None
    return n if isinstance(n, int) and not isinstance(n, bool) and n > 0 else None


def cut_after(answer: Mapping[str, Any], budget: int) -> int | None:
    """Return the number of tokens of a reply that the server's own limit has cut below `budget` tokens, None where it has not."""
    n = _counted(answer, "completion_tokens")
    return n if n and n < budget and answer["choices"][0].get("finish_reason") == "length" else None


def hidden_thinking(answer: Mapping[str, Any]) -> bool:
    """Return whether the budget ended while the model was thinking, of which the server shows nothing."""
    usage = answer.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    thought = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return bool(thought) and answer["choices"][0].get("finish_reason") == "length"


def chat_reply(answer: Mapping[str, Any], doc: Mapping[str, Any], thinks: bool = True) -> str:
    """Return the reply of a chat server to a document's prompt. thinks: False when thinking has been switched off.

    A reasoning parser takes all for thinking that has no closing mark: without thinking, a finished reply that it found none in is the
    answer. Where the prompt begins the thinking, a finished reply without marks comes from a server that shows the answer alone.
    """
    choice = answer["choices"][0]
    message = choice.get("message") or {}
    if choice.get("finish_reason") in FINISHED:
        text, parts = parted(message.get("content"))
        thought = _thought(message) or parts
        if not thinks and thought and not (text or "").strip():
            return str(thought)
        own = str(doc.get("think_start") or ""), str(doc.get("think_end") or "")
        if doc.get("think_open") and text and not thought and without_thinking(text, own) == (text, False):
            return f"<think></think>{text}"
    return chat_text(message, hidden_thinking(answer))


def chat_text(message: Mapping[str, Any], cut: bool = False) -> str:
    """Return a message's text; what the server has taken out as the model's thinking stands before it again, in <think> tags.

    cut: the reply ended inside thinking that the server does not show.
    """
    text, parts = parted(message.get("content"))
    thought = _thought(message) or parts or " " * (cut and not text)
    text = text if text is not None else message.get("refusal")
    if not thought:
        return str(text or "")
    return f"<think>{thought}" + (f"</think>{text}" if text is not None and not (cut and not text) else "")


def _thought(message: Mapping[str, Any]) -> Any:
    return message.get("reasoning_content") or message.get("reasoning")


def parted(content: Any) -> tuple[str | None, str]:
    """Return (the text, the thinking) of a message's content: a text, or a list of parts that say of which type they are."""
    if not isinstance(content, list):
        return None if content is None else str(content), ""
    parts = [part if isinstance(part, dict) else {"type": "text", "text": str(part)} for part in content]
    thought = [part for part in parts if part.get("type") in ("thinking", "reasoning")]
    said = [str(part.get("text") or "") for part in parts if part not in thought]
    inner = [parted(part.get("thinking") or part.get("text"))[0] or "" for part in thought]
    return ("".join(said) if said or not thought else None), "".join(inner)


def whole_characters(text: str) -> str:
    """Return a reply with � for each half of a character, which no file can hold: servers in JavaScript may cut a reply within one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
