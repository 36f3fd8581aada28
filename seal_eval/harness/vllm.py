"""Check the arguments of `--model vllm`, for models that need tensor parallelism.

vLLM runs a checkpoint as it is, so a method must be merged into one first (`seal-eval merge`). vLLM's own prefix caching is switched on.
"""

import ast
import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import read_object
from seal_eval.core.settings import Count, check_value
from seal_eval.harness.vllm_source import installed_args, recorded_args, source
from seal_eval.harness.vllm_window import sets_window, vllm_window
from seal_eval.models.hub import resolve
from seal_eval.models.window import window_of


def vllm_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for lm-eval's vLLM class: `pretrained` resolved, max_model_len and prefix caching filled in.

    `max_length` is another name for max_model_len. Raises SealError for an unknown argument (method= is one: `Engine.prepare` takes it
    out), a length that `_length` refuses, a parallel size that is not a whole number of at least 1, and an adapter that vLLM cannot run.
    """
    args = dict(model_args)
    check_names(args)
    for key in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        if key in args:
            check_value("--model vllm", key, args[key], Count)
    args["pretrained"] = resolve(args["pretrained"])
    if args.get("lora_local_path"):
        check_adapter(str(args["lora_local_path"]))
    if isinstance(args.get("hf_overrides"), str):
        args["hf_overrides"] = _object(args["hf_overrides"])
    length = _length(args)
    return {"enable_prefix_caching": True} | args | length


def _length(args: dict[str, Any]) -> dict[str, int]:
    """Return {"max_model_len": tokens}, {} when no window is known. Takes max_length, another name for it, out of `args`.

    Without one it is the model's window, at most what vLLM accepts. Raises SealError for a length that is not a whole number of at least
    1, that vLLM would refuse, or that is given twice.
    """
    given = [key for key in ("max_length", "max_model_len") if args.get(key) is not None]
    if len(given) == 2:
        raise SealError("--model vllm: max_length and max_model_len are one setting; pass one of them")
    for key in given:
        check_value("--model vllm", key, args[key], Count)
    length = args.pop("max_length", None) or args.get("max_model_len")
    trusted, revision = bool(args.get("trust_remote_code")), str(args.get("revision") or "")
    most = vllm_window(args["pretrained"], args.get("hf_overrides"), trusted, bool(args.get("disable_sliding_window")), revision)
    if length and most and length > most and os.environ.get("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "0") in ("0", ""):
        raise SealError(
            f"--model vllm: max_model_len {length} is above the {most} tokens that vLLM derives from the checkpoint; "
            "merge a rotary method into the checkpoint first (seal-eval merge --on yarn,factor=…), or put max_position_embeddings "
            "into hf_overrides"
        )
    if not length:
        named = None if sets_window(args.get("hf_overrides")) else window_of(args["pretrained"], trusted, revision)
        length = min((window for window in (named, most) if window), default=None)
    return {"max_model_len": int(length)} if length else {}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SealError(f"--model vllm: hf_overrides is {text!r}, must be a JSON object, for example with rope_parameters") from error
    if not isinstance(value, dict):
        raise SealError(f"--model vllm: hf_overrides is {text!r}, must be a JSON object")
    return value


def check_names(args: Mapping[str, Any]) -> None:
    """Raise SealError for an argument that neither lm-eval's class nor vLLM has.

    Without vLLM its newest arguments are not known; there only what is spelt almost like a known one is refused.
    """
    installed, known = installed_args(), known_args()
    for key in args:
        if key not in known and (installed or key == "method" or difflib.get_close_matches(key, known, n=1, cutoff=0.85)):
            raise SealError(f"unknown model argument '{key}' with --model vllm{nearest(key, known)}")


def check_adapter(adapter: str) -> None:
    """Raise SealError for an adapter folder that vLLM cannot run: it has LoRA, without whole modules, and no other kind."""
    file = Path(adapter) / "adapter_config.json"
    if not file.is_file():
        return  # a hub id
    config = read_object(file)
    kind = "DORA" if config.get("use_dora") else str(config.get("peft_type"))
    if kind != "LORA" or config.get("modules_to_save"):
        what = f"a {kind} adapter" if kind != "LORA" else "a LoRA adapter with whole modules (modules_to_save)"
        raise SealError(
            f"--model vllm: lora_local_path={adapter} is {what}, which vLLM cannot run; "
            "fold it into a checkpoint first: seal-eval merge --adapter"
        )


def known_args() -> list[str]:
    """Return the names of the arguments of lm-eval's vLLM class and of vLLM's EngineArgs: those installed, else those recorded."""
    return [*lm_eval_args(), *(installed_args() or recorded_args())]


def lm_eval_args() -> list[str]:
    """Return the arguments of lm-eval's vLLM class, read from its source because importing it needs vLLM."""
    for node in ast.walk(source("lm_eval.models", "vllm_causallms.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and any(a.arg == "pretrained" for a in node.args.args):
            return [a.arg for a in node.args.args if a.arg != "self"]
    return []
