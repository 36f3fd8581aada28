"""Check the arguments of `--model vllm`, for models that need tensor parallelism.

vLLM runs a checkpoint as it is, so a method must be merged into one first (`seal-eval merge`). vLLM's own prefix caching is switched on.
"""

import ast
import difflib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seal_eval.core.errors import SealError, nearest
from seal_eval.core.files import read_object
from seal_eval.core.settings import Count, check_value
from seal_eval.harness.vllm_window import overridden_window
from seal_eval.models.hub import resolve
from seal_eval.models.loading import window_of

# arguments of vLLM's EngineArgs that lm-eval's class passes on without naming them, for a machine without vLLM, which refuses no others
ENGINE_ARGS = (
    "enable_prefix_caching", "enable_chunked_prefill", "max_num_batched_tokens", "max_num_seqs", "kv_cache_dtype",
    "kv_cache_memory_bytes", "pipeline_parallel_size", "data_parallel_size_local", "data_parallel_rank", "data_parallel_backend",
    "decode_context_parallel_size", "prefill_context_parallel_size", "distributed_executor_backend", "enable_expert_parallel",
    "enable_eplb", "gpu_memory_utilization", "enforce_eager", "hf_overrides", "hf_config_path", "hf_token", "block_size",
    "attention_backend", "attention_config", "async_scheduling", "disable_custom_all_reduce", "disable_sliding_window",
    "disable_hybrid_kv_cache_manager", "disable_cascade_attn", "cpu_offload_gb", "calculate_kv_scales", "compilation_config",
    "config_format", "download_dir", "enable_lora", "max_loras", "max_cpu_loras", "lora_dtype", "fully_sharded_loras",
    "limit_mm_per_prompt", "mm_processor_kwargs", "mm_encoder_tp_mode", "language_model_only", "load_format", "model_impl",
    "model_loader_extra_config", "ignore_patterns", "max_long_partial_prefills", "max_num_partial_prefills",
    "long_prefill_token_threshold", "max_parallel_loading_workers", "num_gpu_blocks_override", "override_generation_config",
    "generation_config", "prefix_caching_hash_algo", "rope_scaling", "rope_theta", "scheduling_policy", "scheduler_cls",
    "skip_tokenizer_init", "speculative_config", "kv_transfer_config", "use_tqdm_on_load", "disable_log_stats", "max_logprobs",
    "logprobs_mode", "served_model_name", "code_revision", "additional_config", "worker_cls", "swap_space", "max_seq_len_to_capture",
)  # fmt: skip


def vllm_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for lm-eval's vLLM class: `pretrained` resolved, max_model_len and prefix caching filled in.

    `max_length` is another name for max_model_len. Raises SealError for an unknown argument (method= is one: `Engine.prepare` takes it
    out), a window beyond the checkpoint's (after hf_overrides, as vLLM computes it), a parallel size that is not a whole number of at
    least 1, and an adapter that vLLM cannot run.
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
    window = window_of(args["pretrained"], bool(args.get("trust_remote_code")))
    if isinstance(overrides := args.get("hf_overrides"), dict):
        window = overridden_window(args["pretrained"], window, overrides)
    max_model_len = args.pop("max_length", None) or args.get("max_model_len")
    if max_model_len and window and int(max_model_len) > window:
        raise SealError(
            f"--model vllm: max_model_len {max_model_len} is above the checkpoint's window of {window}; "
            "merge a rotary method into the checkpoint first: seal-eval merge --on yarn,factor=…"
        )
    length = max_model_len or window
    return {"enable_prefix_caching": True} | args | ({"max_model_len": int(length)} if length else {})


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
    own, engine = lm_eval_args(), engine_args()
    known = [*own, *(engine or ENGINE_ARGS)]
    for key in args:
        if key not in known and (engine or key == "method" or difflib.get_close_matches(key, known, n=1, cutoff=0.85)):
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
    """Return the names of the arguments of lm-eval's vLLM class and of vLLM's EngineArgs: those installed, else ENGINE_ARGS."""
    return [*lm_eval_args(), *(engine_args() or ENGINE_ARGS)]


def lm_eval_args() -> list[str]:
    """Return the arguments of lm-eval's vLLM class, read from its source because importing it needs vLLM."""
    for node in ast.walk(_source("lm_eval.models", "vllm_causallms.py")):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and any(a.arg == "pretrained" for a in node.args.args):
            return [a.arg for a in node.args.args if a.arg != "self"]
    return []


def engine_args() -> list[str]:
    """Return the fields of the installed vLLM's EngineArgs, read from its source because importing it takes long; [] without vLLM."""
    for node in ast.walk(_source("vllm", "engine/arg_utils.py")):
        if isinstance(node, ast.ClassDef) and node.name == "EngineArgs":
            return [field.target.id for field in node.body if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)]
    return []


def _source(package: str, file: str) -> ast.AST:
    """Return the syntax tree of a file of an installed package; an empty one when it is not there."""
    found = find_spec(package)
    path = Path(next(iter(found.submodule_search_locations))) / file if found and found.submodule_search_locations else None
    return ast.parse(path.read_text(encoding="utf-8") if path and path.is_file() else "")
