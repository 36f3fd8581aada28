"""`--model vllm` for models that need tensor parallelism: folded checkpoints and rotary settings in their configuration.

vLLM runs what is in a checkpoint and nothing around it, so a method must be merged first (`seal-eval merge`). Prefix caching is its own
name for what our engine does at batch size 1; it is switched on.
"""

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest, whole_number
from seal_eval.models.hub import resolve
from seal_eval.models.loading import window_of

# of vLLM's EngineArgs, behind those that lm-eval's class names itself: what long contexts need
ENGINE_ARGS = (
    "enable_prefix_caching", "enable_chunked_prefill", "max_num_batched_tokens", "max_num_seqs", "kv_cache_dtype",
    "pipeline_parallel_size",
    "distributed_executor_backend", "gpu_memory_utilization", "enforce_eager",
    "hf_overrides", "block_size", "attention_backend",
    "disable_custom_all_reduce",
)  # fmt: skip


def vllm_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """lm-eval's model_args for its vLLM class: checked, the model's folder found, the window and prefix caching filled in.

    Raises SealError for a method that is not folded, a misspelt argument, a window beyond the checkpoint's, and counts that are none.
    """
    args = dict(model_args)
    if (method := args.pop("method", None)) and method != "plain":
        raise SealError(f"--model vllm runs checkpoints only: fold method '{method}' first with seal-eval merge, then name its folder")
    known = known_args()
    for key in args:
        if key not in known:
            raise SealError(f"unknown model argument '{key}' with --model vllm{nearest(key, known)}")
    for key in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        if key in args:
            whole_number("--model vllm", key, args[key], 1)
    args["pretrained"] = resolve(args["pretrained"])
    window, asked = window_of(args["pretrained"]), args.pop("max_length", None) or args.get("max_model_len")
    if asked and window and int(asked) > window:
        raise SealError(
            f"--model vllm: max_model_len {asked} is above the checkpoint's window of {window}; "
            "put a rotary method into it first: seal-eval merge --on yarn,factor=…"
        )
    length = asked or window
    return {"enable_prefix_caching": True} | args | ({"max_model_len": int(length)} if length else {})


def known_args() -> list[str]:
    """Arguments of lm-eval's vLLM class, read from its source (importing it needs vLLM), and those it hands on."""
    found = find_spec("lm_eval.models")
    if found is None or not found.submodule_search_locations:
        return [*ENGINE_ARGS]
    source = Path(next(iter(found.submodule_search_locations))) / "vllm_causallms.py"
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and any(a.arg == "pretrained" for a in node.args.args):
            return [*(a.arg for a in node.args.args if a.arg != "self"), *ENGINE_ARGS]
    return [*ENGINE_ARGS]
