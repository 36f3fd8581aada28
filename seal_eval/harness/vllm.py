"""Check the arguments of `--model vllm`, for models that need tensor parallelism.

vLLM runs a checkpoint as it is, so a method must be merged into one first (`seal-eval merge`). vLLM's own prefix caching is switched on.
"""

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.settings import Count, check_value
from seal_eval.models.hub import resolve
from seal_eval.models.loading import window_of

# arguments that lm-eval's class passes on to vLLM's EngineArgs without naming them: those that long contexts need
ENGINE_ARGS = (
    "enable_prefix_caching", "enable_chunked_prefill", "max_num_batched_tokens", "max_num_seqs", "kv_cache_dtype",
    "pipeline_parallel_size",
    "distributed_executor_backend", "gpu_memory_utilization", "enforce_eager",
    "hf_overrides", "block_size", "attention_backend",
    "disable_custom_all_reduce",
)  # fmt: skip


def vllm_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for lm-eval's vLLM class: `pretrained` resolved, max_model_len and prefix caching filled in.

    `max_length` is another name for max_model_len. Raises SealError for an unknown argument (method= is one: `Engine.prepare` takes it
    out), a window beyond the checkpoint's, and a parallel size that is not a whole number of at least 1.
    """
    args = dict(model_args)
    known = known_args()
    for key in args:
        if key not in known:
            raise SealError(f"unknown model argument '{key}' with --model vllm{nearest(key, known)}")
    for key in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        if key in args:
            check_value("--model vllm", key, args[key], Count)
    args["pretrained"] = resolve(args["pretrained"])
    window, max_model_len = window_of(args["pretrained"]), args.pop("max_length", None) or args.get("max_model_len")
    if max_model_len and window and int(max_model_len) > window:
        raise SealError(
            f"--model vllm: max_model_len {max_model_len} is above the checkpoint's window of {window}; "
            "merge a rotary method into the checkpoint first: seal-eval merge --on yarn,factor=…"
        )
    length = max_model_len or window
    return {"enable_prefix_caching": True} | args | ({"max_model_len": int(length)} if length else {})


def known_args() -> list[str]:
    """Return the arguments of lm-eval's vLLM class, read from its source because importing it needs vLLM, and ENGINE_ARGS."""
    package = find_spec("lm_eval.models")
    if package is None or not package.submodule_search_locations:
        return [*ENGINE_ARGS]
    source = Path(next(iter(package.submodule_search_locations))) / "vllm_causallms.py"
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and any(a.arg == "pretrained" for a in node.args.args):
            return [*(a.arg for a in node.args.args if a.arg != "self"), *ENGINE_ARGS]
    return [*ENGINE_ARGS]
