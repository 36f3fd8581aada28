"""`seal-eval` with transformers' continuous batching as an engine, for the table of `engines.py`:

    python benchmarks/generate_batch.py run --model generate_batch --model_args pretrained=FOLDER,dtype=float32 --tasks …

All prompts go to `model.generate_batch` at once, with shared blocks of prompts, as a user would do. It has no stop strings, so replies go
on to the end-of-sequence token or to the limit of new tokens, and are cut afterwards.
"""

from typing import Any

from lm_eval.api.registry import model_registry
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from transformers import GenerationConfig

from seal_eval import cli


class GenerateBatch(HFLM):
    """lm-eval's `hf`, with `generate_until` replaced."""

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return one reply per request. All requests must have the settings of the first."""
        settings = normalize_gen_kwargs(requests[0].args[1], self.max_gen_toks)
        if any(request.args[1] != requests[0].args[1] for request in requests):
            raise ValueError("requests with different settings")
        config = GenerationConfig(do_sample=False, eos_token_id=self.eot_token_id, max_new_tokens=settings["max_gen_toks"])
        prompts = [self.tok_encode(request.args[0]) for request in requests]
        found = self.model.generate_batch(inputs=prompts, generation_config=config)
        replies = sorted(found.values(), key=lambda output: int(output.request_id.rsplit("_", 1)[-1]))
        if len(replies) != len(requests) or any(list(output.prompt_ids) != prompt for output, prompt in zip(replies, prompts, strict=True)):
            raise RuntimeError("generate_batch answered other prompts than it was asked")
        texts = [self.tokenizer.decode(output.generated_tokens, skip_special_tokens=True) for output in replies]
        return [postprocess_generated_text(text, stop=settings["until"], think_end_token=None) for text in texts]


if __name__ == "__main__":
    model_registry.register("generate_batch", target=GenerateBatch)
    cli.script()
