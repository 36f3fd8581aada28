"""Requests to an OpenAI-compatible server, with retries."""

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

from seal_eval.core.errors import SealError, first_line
from seal_eval.harness.refusals import LEFT_OUT, NEW_BUDGET, OVER_BUDGET, code_of, message, refused_parameter, words_of
from seal_eval.harness.served_args import of_azure, split_url

AGAIN = {408, 409, 425, 429}  # statuses that may be another one a little later, besides a server's own errors (5xx)
NEVER = {501, 505}  # of a server's own errors: what it does not implement
BROKEN_OFF = ("abort", "error")  # finish reasons of replies that the server itself did not finish
LONGEST_WAIT = 120.0  # seconds between two attempts, whatever the server asks for
ROOT = "; base_url= is the root, which often ends in /v1"


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
        if response.status_code in (400, 422) and self._adapts(response, sent):
            return self._ask_once(payload)
        if response.history and response.request.method != "POST":  # as browsers do, for most redirects
            raise Refused(f"{self.address} sends requests on to {response.url}; name that address in base_url=")
        if response.status_code != 200:
            raise self._failed(response.status_code, words_of(response, self.header), _told_to_wait(response.headers))
        try:
            answer = response.json()
        except ValueError as error:
            raise Busy(f"an answer that is not JSON ({response.text[:80]!r})") from error
        if isinstance(answer, dict) and answer.get("error") and not answer.get("choices"):  # as from routers before other servers
            raise self._failed(code_of(answer["error"]), words_of(response, self.header))
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            n, remedy = (len(choices), "") if isinstance(choices, list) else ("no list of", ROOT)
            raise Busy(f"an answer with {n} choices to one prompt{remedy}")
        if broken := choices[0].get("error"):
            raise self._failed(code_of(broken), f": {message(broken)}")
        if choices[0].get("finish_reason") in BROKEN_OFF:
            raise Busy(f"a reply that was broken off ({choices[0]['finish_reason']!r:.80})")
        return answer

    def _failed(self, status: int | None, said: str, retry_after: float = 0.0) -> Busy | Refused:
        """Return the error for a status, None for an unknown one. said: the server's message."""
        if status is None or status in AGAIN or (status >= 500 and status not in NEVER):
            return Busy(f"status {status}{said}" if status else f"an error in place of an answer{said}", retry_after)
        remedy = {401: f"; is the key in {self.key_in} right?", 404: ROOT}
        remedy |= {403: remedy[401], 405: remedy[404]}
        return Refused(f"{self.address}: status {status}{said}{remedy.get(status, '')}", bool(OVER_BUDGET.search(said)))

    def _adapts(self, response: requests.Response, sent: Mapping[str, Any]) -> bool:
        """Return whether the next request leaves out, or calls otherwise, what this one was refused for."""
        if NEW_BUDGET in response.text and NEW_BUDGET not in sent and not OVER_BUDGET.search(response.text):
            self.budget = NEW_BUDGET
            return True
        if name := refused_parameter(response, sent):
            if name not in self.left_out and LEFT_OUT[name]:
                print(f"{self.root}: the model takes no {name}={sent[name]}: {LEFT_OUT[name]}", file=sys.stderr)
            self.left_out.add(name)
        return bool(name)

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
            self._local.session.auth = _as_it_is  # else requests puts the login of a ~/.netrc in place of the key
        session: requests.Session = self._local.session
        return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authorise a request by nothing but its headers."""
    return request


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_after if isinstance(error, Busy) else 0.0
    return min(LONGEST_WAIT, told or wait_exponential_jitter(initial=0.5, max=30.0)(state))


def _told_to_wait(headers: Mapping[str, str]) -> float:
    """The seconds that an answer's headers ask to wait, 0.0 if they do not; Azure's name milliseconds, too."""
    return _seconds(headers.get("retry-after-ms")) / 1000 or _seconds(headers.get("Retry-After"))


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
    if isinstance(error, requests.exceptions.SSLError):
        return f"no trusted connection ({_cause(error)}); REQUESTS_CA_BUNDLE=FILE names the certificates to trust"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"no connection through the proxy of the environment ({_cause(error)}); NO_PROXY=HOST,… goes without it"
    return "no connection" if isinstance(error, requests.ConnectionError) else f"{type(error).__name__}"


def _cause(error: Exception) -> str:
    """The first reason of a connection's error, in its own words."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    inner = reason or (error.args[0] if error.args else None)
    return _cause(inner) if isinstance(inner, Exception) else first_line(error)[:160]


def _nobody(error: requests.RequestException) -> bool:
    """Return whether no connection could be made; a server that is slow, or hangs up, is one."""
    broken = bool(error.args) and isinstance(error.args[0], ProtocolError)
    return not isinstance(error, requests.ReadTimeout | requests.exceptions.ChunkedEncodingError) and not broken
