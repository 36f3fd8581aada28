"""Measure a tuning step of SEAL at a long length, on a randomly initialised model of a real shape: seconds, memory, share of peak FLOP/s.

    python benchmarks/tuning_at_length.py --shape 7b --tokens 31744 --peak 790            # a GPU; peak in bf16 TFLOP/s
    python benchmarks/tuning_at_length.py --shape small --tokens 2048                     # a CPU

Operations of a step with recomputed activations: 3 × linear + 4.5 × attention (two forward passes, backward to the inputs only, causal).
"""

import argparse
import json
import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from seal_eval.models.hub import resolve
from seal_eval.models.loading import forget_peak, load_tokenizer, peak_memory
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.loop import learn
from seal_eval.tuning.parameters import trainable

SHAPES: dict[str, dict[str, int]] = {
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32},
    "13b": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40, "num_key_value_heads": 40},
    "small": {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4},
}


def arithmetic(config: Any, n_tokens: int) -> float:
    """Return the floating-point operations of a step on `n_tokens` tokens."""
    d, layers = config.hidden_size, config.num_hidden_layers
    head_dim = d // config.num_attention_heads
    linear = layers * (2 * d * d + 2 * d * head_dim * config.num_key_value_heads + 3 * d * config.intermediate_size)
    return 3 * 2 * linear * n_tokens + 4.5 * 2 * n_tokens**2 * d * layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="7b", help="the model's shape")
    parser.add_argument("--tokens", type=int, default=31744, help="length of a training sample")
    parser.add_argument("--steps", type=int, default=4, help="training samples; the fastest step counts")
    parser.add_argument("--method", default="seal", help="seal, lora or dora")
    parser.add_argument("--tokenizer", default="smollm2-135m-instruct")
    parser.add_argument("--peak", type=float, help="the machine's bf16 TFLOP/s")
    args = parser.parse_args()
    tokenizer = load_tokenizer(resolve(args.tokenizer))
    config = LlamaConfig(**SHAPES[args.shape], vocab_size=len(tokenizer), max_position_embeddings=args.tokens + 64)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with device:
        model = AutoModelForCausalLM.from_config(config).eval()
    torch.set_default_dtype(torch.float32)
    spec = TuneSpec(
        recipe="fixed", length=args.tokens, samples=args.steps, validation=1, method=args.method, checkpointing=True, cost_limit=1e9
    )
    with trainable(model, spec) as trained:
        forget_peak()
        began = time.perf_counter()
        learned = learn(model, PromptFormat(tokenizer), spec, trained, progress=True)
        total_seconds = time.perf_counter() - began
    seconds = min(step["seconds"] for step in learned.log)
    n_tokens = max(int(step["n_tokens"]) for step in learned.log)
    result = {
        "shape": args.shape, "method": args.method, "tokens": n_tokens, "seconds_per_step": round(seconds, 2),
        "all_steps": [round(step["seconds"], 2) for step in learned.log], "seconds_in_all": round(total_seconds, 1),
        "peak_memory_gb": round(peak_memory() / 1e9, 2), "tflop_per_step": round(arithmetic(config, n_tokens) / 1e12, 2),
        "tflop_per_second": round(arithmetic(config, n_tokens) / 1e12 / seconds, 2),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu", "torch": torch.__version__,
    }  # fmt: skip
    if args.peak:
        result["share_of_peak"] = round(result["tflop_per_second"] / args.peak, 3)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
