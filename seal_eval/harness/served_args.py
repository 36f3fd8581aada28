"""The arguments of `--model served`, checked without asking the server."""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.settings import Count, Index, check_value
from seal_eval.prompts.template_args import check_template_args

NEEDED = {"base_url": "http://localhost:8000/v1", "model": "NAME", "tokenizer": "FOLDER_OR_HUB_ID"}  # and an example of each
ARGS = (
    "base_url", "model", "tokenizer", "chat", "num_concurrent", "max_retries", "timeout", "max_length", "tokenized_requests",
    "max_gen_toks", "seed", "chat_template_args", "enable_thinking",
)  # fmt: skip
MAY_BE_NONE = ("chat", "max_length", "enable_thinking")  # arguments whose None means that the server or the template decides
SECRET = re.compile(
    r"key|token|secret|passw|credential|auth|signature|(?:^|[-_])(?:sig|pwd|code|jwt|sas)(?:$|[-_])", re.IGNORECASE
)  # of a query
# hosts of Azure OpenAI; a service in front of it is known by its query
AZURE = re.compile(r"\.(?:openai|cognitiveservices|services\.ai)\.azure\.[a-z]+$")
REMEDY = {  # arguments of lm-eval's classes that are refused, and what to do
    **dict.fromkeys(("auth_token", "header"), "put the key into OPENAI_API_KEY; model_args are written into the results"),
    "batch_size": "pass num_concurrent=N, the number of prompts under way at a time",
    "truncate": "leave it out; prompts are never cut",
    "pretrained": "name the served model in model=, and its tokenizer in tokenizer=",
}


def served_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `--model served`. Raises SealError for missing, unknown and unsafe ones. Asks no server."""
    args = dict(model_args)
    for key in args:
        if key not in ARGS:
            raise SealError(f"--model served: {key}: {REMEDY.get(key, 'unknown argument' + nearest(key, ARGS))}")
    for key, example in NEEDED.items():
        if not args.get(key):
            raise SealError(f"--model served: no {key}: pass --model_args {key}={example}")
    split_url(args["base_url"])
    kinds: dict[str, Any] = {"num_concurrent": Count, "timeout": Count, "max_length": Count, "max_retries": Index, "seed": Index}
    for key, kind in (kinds | {"max_gen_toks": Count, "chat": bool, "tokenized_requests": bool, "enable_thinking": bool}).items():
        if args.get(key) is not None or (key in args and key not in MAY_BE_NONE):
            check_value("--model served", key, args[key], kind)
    check_template_args("--model served", args.get("chat_template_args") or {})
    return args


def split_url(base_url: str) -> tuple[str, str]:
    """Return (a server's root without the path of its completions, its query, such as ?api-version=… of Azure's, or '').

    Raises SealError for what is no http address, and for keys in it.
    """
    wrong = SealError(f"base_url is '{base_url}', must be an address such as http://localhost:8000/v1")
    try:
        parts = urlsplit(str(base_url))
        named = parts.hostname and parts.port != 0
    except ValueError:  # for brackets that hold no address, and a port that is no number
        raise wrong from None
    if parts.scheme not in ("http", "https") or not named:
        raise wrong
    secret = next((key for key, _ in parse_qsl(parts.query, keep_blank_values=True) if SECRET.search(key)), "")
    if parts.username or parts.password or secret:
        where = f"; {secret}= looks like one" if secret else ""
        raise SealError(f"base_url must hold no key, since it is written into the results{where}; put the key into OPENAI_API_KEY")
    path = parts.path.rstrip("/")
    for end in ("/chat/completions", "/completions"):
        path = path.removesuffix(end)
    return f"{parts.scheme}://{parts.netloc}{path}", f"?{parts.query}" if parts.query else ""


def of_azure(base_url: str) -> bool:
    """Return whether an address is one of Azure OpenAI: by its host, or by the api-version in its query."""
    parts = urlsplit(str(base_url))
    return bool(AZURE.search(parts.hostname or "")) or "api-version" in dict(parse_qsl(parts.query, keep_blank_values=True))


def header_with_key(base_url: str) -> dict[str, str]:
    """Return the header that shows the user's key to a server, {} without a key.

    Azure's key goes into a header of its own, as openai-python sends it; a token of its directory (a JWT) is a bearer token there, too.
    """
    azure = of_azure(base_url)
    key = ((os.environ.get("AZURE_OPENAI_API_KEY") if azure else "") or os.environ.get("OPENAI_API_KEY", "")).strip()
    if not key:
        return {}
    if odd := next((char for char in key if not "!" <= char <= "~"), ""):  # a quotation mark of a word processor, a line break
        where = "AZURE_OPENAI_API_KEY or OPENAI_API_KEY" if azure else "OPENAI_API_KEY"
        raise SealError(f"the key in {where} holds {odd!r}, which no key has; copy it again")
    return {"api-key": key} if azure and not key.startswith("eyJ") else {"Authorization": f"Bearer {key}"}


def asks_chat(base_url: str) -> bool:
    """Return whether an address is that of chat completions."""
    return urlsplit(str(base_url)).path.rstrip("/").endswith("/chat/completions")
