"""Requests to an OpenAI-compatible server: what it serves, how long its window is, how it counts tokens; answers, with retries."""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from seal_eval.core.errors import SealError
from seal_eval.harness.served_args import root_of

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # statuses that may be another one a little later
BROKEN_OFF = ("abort", "error")  # finish reasons of replies that the server itself did not finish
NEW_BUDGET = "max_completion_tokens"  # what OpenAI's newer models take in place of max_tokens, which they refuse
LONGEST_WAIT = 120.0  # seconds between two attempts, whatever the server asks for
WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")  # what servers call it in their list of models


class Busy(Exception):
    """An attempt failed in a way that another may not. retry_after: seconds that the server asks to wait, 0.0 if it does not say."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Server:
    """An OpenAI-compatible server.

    base_url: its root (http://host:8000/v1), or the address of its completions. chat: ask for chat completions. key: sent as a bearer
    token when not empty. retries: how often a request is repeated. timeout: seconds that a request may take.
    """

    def __init__(self, base_url: str, chat: bool, key: str, retries: int, timeout: float) -> None:
        self.root = root_of(base_url)
        self.address = f"{self.root}/{'chat/completions' if chat else 'completions'}"
        self.retries, self.timeout = retries, timeout
        self.header = {"Authorization": f"Bearer {key}"} if key else {}
        self.budget = "max_tokens"  # what the server calls the budget of a reply
        self._local = threading.local()

    def models(self) -> dict[str, dict[str, Any]]:
        """Return the served models: name → what the server says of it. {} when it has no list. Raises SealError when it is not there."""
        answer = self._get(f"{self.root}/models")
        if answer is None:
            return {}
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
            raise SealError(f"{self.root}/models: not a list of models; expected an OpenAI-compatible server, whose root often ends in /v1")
        return {row["id"]: row for row in rows}

    def window(self, told: Mapping[str, Any]) -> int | None:
        """Return the model's window in tokens; None when the server does not say. told: what its list of models says."""
        found = [told[name] for name in WINDOWS if isinstance(told.get(name), int)]
        if not found:
            properties = self._get(f"{self.root.removesuffix('/v1')}/props")  # llama.cpp's server
            settings = properties.get("default_generation_settings") if isinstance(properties, dict) else None
            found = [n for n in [(settings or {}).get("n_ctx")] if isinstance(n, int)]
        return min(found, default=None)

    def ask(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the server's answer to one prompt: an object with one choice.

        Waits and asks again when the server is busy, breaks off or answers something else, `retries` times. Raises SealError for the last
        failure, and at once for what will not change (an unknown model, a prompt that is too long, a wrong key).
        """
        attempts = Retrying(
            stop=stop_after_attempt(self.retries + 1), wait=_wait, retry=retry_if_exception_type(Busy), reraise=True
        )  # fmt: skip
        try:
            return attempts(self._ask_once, payload)
        except Busy as error:
            raise SealError(f"{self.address}: {error}, {self.retries + 1} times in a row; repeat the command to go on from here") from None

    def _ask_once(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        sent = {self.budget if name == "max_tokens" else name: value for name, value in payload.items()}
        try:
            response = self._session().post(self.address, json=sent, headers=self.header, timeout=self.timeout)
        except requests.RequestException as error:  # no connection, no answer in time, an answer that breaks off
            raise Busy(_short(error)) from error
        if response.status_code in AGAIN:
            raise Busy(f"status {response.status_code}{_said(response)}", _seconds(response.headers.get("Retry-After")))
        if response.status_code == 400 and NEW_BUDGET in response.text and NEW_BUDGET not in sent:
            self.budget = NEW_BUDGET
            return self._ask_once(payload)
        if response.status_code != 200:
            key = "; is the key in OPENAI_API_KEY right?" if response.status_code in (401, 403) else ""
            raise SealError(f"{self.address}: status {response.status_code}{_said(response)}{key}")
        try:
            answer = response.json()
        except ValueError as error:
            raise Busy(f"an answer that is not JSON ({response.text[:80]!r})") from error
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            n = len(choices) if isinstance(choices, list) else "no list of"
            raise Busy(f"an answer with {n} choices to one prompt")
        if choices[0].get("finish_reason") in BROKEN_OFF or choices[0].get("error"):
            raise Busy(f"a reply that was broken off ({choices[0].get('error') or choices[0]['finish_reason']!r:.80})")
        return answer

    def _get(self, address: str) -> Any:
        """Return the JSON at an address; None when the server does not have it. Raises SealError when there is no server."""
        try:
            response = self._session().get(address, headers=self.header, timeout=min(self.timeout, 30))
        except requests.RequestException as error:
            raise SealError(f"no server at {self.root}: {_short(error)}; start it, or correct base_url=") from error
        if response.status_code in (401, 403):
            raise SealError(f"{address}: status {response.status_code}{_said(response)}; is the key in OPENAI_API_KEY right?")
        if response.status_code != 200:
            return None
        try:
            return response.json()
        except ValueError:
            return {}

    def _session(self) -> requests.Session:
        """One session for each thread: connections are kept open, and sessions are not safe to share."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session


def served_model(server: Server, name: str) -> dict[str, Any]:
    """Return what the server's list says of a model. Raises SealError when the list lacks it. {} when there is no list."""
    models = server.models()
    if models and name not in models:
        raise SealError(f"{server.root} does not serve '{name}'; it serves: {', '.join(list(models)[:5])}")
    return models.get(name, {})


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_after if isinstance(error, Busy) else 0.0
    return min(LONGEST_WAIT, told or wait_exponential_jitter(initial=0.5, max=30.0)(state))


def _seconds(text: str | None) -> float:
    """The seconds that a Retry-After asks to wait: it is their number, or a date. 0.0 without one."""
    try:
        return max(0.0, float(text or 0))
    except ValueError:
        with suppress(ValueError, TypeError):
            return max(0.0, parsedate_to_datetime(text or "").timestamp() - time.time())
        return 0.0


def _short(error: Exception) -> str:
    """What went wrong with a connection, without addresses of objects."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "no connection" if isinstance(error, requests.ConnectionError) else f"{type(error).__name__}"


def _said(response: requests.Response) -> str:
    """Return the server's message as ': text', '' when there is none."""
    try:
        told = response.json()
        error = told.get("error", told) if isinstance(told, dict) else told
        text = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    except ValueError:
        text = response.text
    text = " ".join(str(text or "").split())[:200]
    return f": {text}" if text.strip() else ""
