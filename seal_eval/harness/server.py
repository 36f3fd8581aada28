"""Requests to an OpenAI-compatible server, with retries."""

import re
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from urllib3.exceptions import ProtocolError

from seal_eval.core.errors import SealError
from seal_eval.harness.served_args import of_azure, split_url

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 529}  # statuses that may be another one a little later
BROKEN_OFF = ("abort", "error")  # finish reasons of replies that the server itself did not finish
NEW_BUDGET = "max_completion_tokens"  # what OpenAI's newer models take in place of max_tokens, which they refuse
LONGEST_WAIT = 120.0  # seconds between two attempts, whatever the server asks for
# OpenAI's reasoning models refuse to end inside their thinking
OVER_BUDGET = re.compile(r"max_(?:completion_|output_)?tokens.{0,40}\breached|output limit was reached", re.IGNORECASE | re.DOTALL)
LEFT_OUT = {  # parameters that some models refuse in any but their own way, and what leaving them out means
    "temperature": "replies are sampled, so they differ from run to run", "seed": "", "stop": "",
}  # fmt: skip


class Busy(Exception):
    """An attempt failed in a way that another may not. retry_after: seconds that the server asks to wait, 0.0 if it does not say."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Refused(SealError):
    """The server refuses a request, and would refuse it again. over_budget: because it could not finish within the budget."""

    def __init__(self, message: str, over_budget: bool = False) -> None:
        super().__init__(message)
        self.over_budget = over_budget


class Server:
    """An OpenAI-compatible server.

    base_url: its root (http://host:8000/v1), or the address of its completions. chat: ask for chat completions. header: sent with
    every request, see `header_with_key`. retries: how often a request is repeated. timeout: seconds that a request may take.
    """

    def __init__(self, base_url: str, chat: bool, header: Mapping[str, str], retries: int, timeout: float) -> None:
        self.root, self.query = split_url(base_url)
        self.address = f"{self.root}/{'chat/completions' if chat else 'completions'}{self.query}"
        self.retries, self.timeout = retries, timeout
        self.header = dict(header)
        self.key_in = "AZURE_OPENAI_API_KEY or OPENAI_API_KEY" if of_azure(base_url) else "OPENAI_API_KEY"
        self.follows = "api-key" not in self.header  # to another host, requests would take along any key but a bearer token
        self.budget = "max_tokens"  # what the server calls the budget of a reply
        self.left_out: set[str] = set()  # parameters that the model has refused
        self._local = threading.local()

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
        sent = {self.budget if name == "max_tokens" else name: value for name, value in payload.items() if name not in self.left_out}
        try:
            response = self._session().post(
                self.address, json=sent, headers=self.header, timeout=self.timeout, allow_redirects=self.follows
            )
        except requests.RequestException as error:  # no connection, no answer in time, an answer that breaks off
            raise Busy(_short(error)) from error
        if response.status_code == 400 and self._adapts(response, sent):
            return self._ask_once(payload)
        if response.status_code != 200:
            raise self._failed(response.status_code, _said(response), _seconds(response.headers.get("Retry-After")))
        try:
            answer = response.json()
        except ValueError as error:
            raise Busy(f"an answer that is not JSON ({response.text[:80]!r})") from error
        if isinstance(answer, dict) and answer.get("error") and not answer.get("choices"):  # as from routers before other servers
            raise self._failed(_code(answer["error"]), _said(response))
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            n = len(choices) if isinstance(choices, list) else "no list of"
            raise Busy(f"an answer with {n} choices to one prompt")
        if broken := choices[0].get("error"):
            raise self._failed(_code(broken), f": {_message(broken)}")
        if choices[0].get("finish_reason") in BROKEN_OFF:
            raise Busy(f"a reply that was broken off ({choices[0]['finish_reason']!r:.80})")
        return answer

    def _failed(self, status: int | None, said: str, retry_after: float = 0.0) -> Busy | Refused:
        """Return the error for a status, None for an unknown one. said: the server's message."""
        if status is None or status in AGAIN:
            return Busy(f"status {status}{said}" if status else f"an error in place of an answer{said}", retry_after)
        remedy = {401: f"; is the key in {self.key_in} right?", 404: "; base_url= is the root, which often ends in /v1"}
        remedy |= {403: remedy[401], 405: remedy[404]}
        return Refused(f"{self.address}: status {status}{said}{remedy.get(status, '')}", bool(OVER_BUDGET.search(said)))

    def _adapts(self, response: requests.Response, sent: Mapping[str, Any]) -> bool:
        """Return whether the next request leaves out, or calls otherwise, what this one was refused for."""
        if NEW_BUDGET in response.text and NEW_BUDGET not in sent and not OVER_BUDGET.search(response.text):
            self.budget = NEW_BUDGET
            return True
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            error = response.json()["error"]
            name, code = error.get("param"), str(error.get("code"))
            if name in LEFT_OUT and name in sent and code.startswith("unsupported"):
                if name not in self.left_out and LEFT_OUT[name]:
                    print(f"{self.root}: the model takes no {name}={sent[name]}: {LEFT_OUT[name]}", file=sys.stderr)
                self.left_out.add(name)
                return True
        return False

    def get(self, path: str, needed: bool = False, above: bool = False) -> Any:
        """Return the JSON at a path of the server; None when it does not say.

        needed: raise SealError when there is no server at all. above: the path is one of the server's, not of its /v1.
        """
        address = f"{self.root.removesuffix('/v1') if above else self.root}/{path}{self.query}"
        try:
            response = self._session().get(address, headers=self.header, timeout=min(self.timeout, 30), allow_redirects=self.follows)
        except requests.RequestException as error:
            if needed and _nobody(error):
                raise SealError(f"no server at {self.root}: {_short(error)}; start it, or correct base_url=") from error
            return None
        with suppress(ValueError):
            return response.json() if response.status_code == 200 else None
        return None

    def _session(self) -> requests.Session:
        """One session for each thread: connections are kept open, and sessions are not safe to share."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session


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


def _nobody(error: requests.RequestException) -> bool:
    """Return whether no connection could be made; a server that is slow, or hangs up, is one."""
    broken = bool(error.args) and isinstance(error.args[0], ProtocolError)
    return not isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError) and not broken


def _code(error: Any) -> int | None:
    """Return the status that an error names, as a number or its digits; None for another code."""
    code = str(error.get("code", error.get("status")) if isinstance(error, dict) else None)
    return int(code) if code.isdecimal() and len(code) == 3 and code[0] in "45" else None


def _message(told: Any) -> Any:
    error = told.get("error", told) if isinstance(told, dict) else told
    return error.get("message") or error.get("detail") if isinstance(error, dict) else error


def _said(response: requests.Response) -> str:
    """Return the server's message as ': text', '' when there is none."""
    try:
        text = _message(response.json())
    except ValueError:
        text = response.text
    text = " ".join(str(text or "").split())[:200]
    return f": {text}" if text.strip() else ""
