"""What an OpenAI-compatible server says when it refuses a request: its message, its status, and the parameter that it does not take."""

import re
from collections.abc import Mapping
from typing import Any

import requests

NEW_BUDGET = "max_completion_tokens"  # what OpenAI's newer models take in place of max_tokens, which they refuse
# OpenAI's reasoning models refuse to end inside their thinking
OVER_BUDGET = re.compile(r"max_(?:completion_|output_)?tokens.{0,40}\breached|output limit was reached", re.IGNORECASE | re.DOTALL)
LEFT_OUT = {  # parameters that some models refuse in any but their own way, and what leaving them out means
    "temperature": "replies are sampled, so they differ from run to run", "seed": "", "stop": "replies go on behind the stop strings",
}  # fmt: skip
# "Unsupported value: 'seed'", "Unknown name", "Extra inputs are not permitted", "was unexpected", "is deprecated for this model"
NOT_TAKEN = (
    r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|forbidden|deprecated|cannot find|extra (?:input|field)"
    r"|(?:not|n't|never|no longer)\s(?:be\s)?(?:support|permit|allow|accept|recogni))"
)
NEAR = 40  # characters between a parameter's name and these words
LONGEST = 400  # characters of a message that are read


def refused_parameter(response: requests.Response, sent: Mapping[str, Any]) -> str:
    """Return the parameter among LEFT_OUT for which a request was refused, '' for another reason. sent: the request's payload.

    Servers name it in a field (OpenAI, Azure), in the place of a wrong field (FastAPI), or only in their words (Groq, Google, xAI).
    """
    try:
        told = response.json()
    except ValueError:
        return ""
    error = _error(told)
    field, code = (error.get("param"), str(error.get("code"))) if isinstance(error, dict) else (None, "")
    if field in LEFT_OUT and field in sent and code.startswith(("unsupported", "unknown")):
        return str(field)
    places = [row for row in _rows(told) if re.search(NOT_TAKEN, f"{row.get('type')} {row.get('msg')}", re.IGNORECASE)]
    named = {str(part) for row in places for part in (row.get("loc") or []) if part != "body"}
    words = text[:LONGEST] if isinstance(text := message(told), str) else ""
    return next((name for name in LEFT_OUT if name in sent and (name in named or _says(words, name))), "")


def _rows(told: Any) -> list[dict[str, Any]]:
    """The wrong fields that FastAPI lists, each with its place `loc`."""
    inner = message(told)
    rows = [at.get("detail") for at in (told, inner) if isinstance(at, dict)] + [inner]
    return [row for found in rows if isinstance(found, list) for row in found if isinstance(row, dict)]


def _says(words: str, name: str) -> bool:
    mark = rf"(?<![\w-]){name}(?![\w-])"
    return bool(re.search(rf"{NOT_TAKEN}.{{0,{NEAR}}}?{mark}|{mark}.{{0,{NEAR}}}?{NOT_TAKEN}", words, re.IGNORECASE | re.DOTALL))


def code_of(error: Any) -> int | None:
    """Return the status that an error names, as a number or its digits; None for another code."""
    code = str(error.get("code", error.get("status")) if isinstance(error, dict) else None)
    return int(code) if code.isdecimal() and len(code) == 3 and code[0] in "45" else None


def _error(told: Any) -> Any:
    """The error in an answer, which may stand in a list (Google's) and under `error`."""
    first = told[0] if isinstance(told, list) and told else told
    return first.get("error", first) if isinstance(first, dict) else first


def message(told: Any) -> Any:
    """Return the message of an error, as servers wrap it."""
    error = _error(told)
    return error.get("message") or error.get("detail") if isinstance(error, dict) else error


def words_of(response: requests.Response, secrets: Mapping[str, str]) -> str:
    """Return the server's message as ': text', '' when there is none. secrets: headers whose values it must not repeat."""
    try:
        text = message(response.json())
    except ValueError:
        text = response.text
    words = " ".join(str(text or "").split())
    for value in secrets.values():  # LiteLLM's proxy writes the key that it got
        words = words.replace(value.removeprefix("Bearer "), "…")
    return f": {words[:200]}" if words.strip() else ""
