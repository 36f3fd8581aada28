"""Count how many replies of our engine equal those of `lm_eval --model hf` at batch size 1, on a small random model.

    python benchmarks/agreement.py 500 > docs/agreement.txt      (500 samples per row)

A random model has no preferred answer. Its logits lie close together, so near-ties are more frequent than with a trained model. A reply
has at most 32 tokens. Where two replies differ, the gap between the two largest logits at the first difference is printed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from seal_eval.harness.dataset import documents
from seal_eval.harness.seal_lm import SealLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from kills import small_model

LENGTH = 750
TASKS = (("seal_lines", {"questions_per_record": 10}), ("seal_needle", {}))


def requests(task: str, model: str, n: int, **more: Any) -> list[Any]:
    """Return lm-eval's requests for `n` samples of LENGTH tokens; `more` is task metadata."""
    docs = documents(task, pretrained=model, lengths=[LENGTH], num_samples=n, **more)["test"]
    options = {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 32}
    return [
        Instance(
            request_type="generate_until", doc=dict(doc), arguments=(doc["input"] + doc["prefix"], options), idx=0, metadata=(task, i, 1)
        )
        for i, doc in enumerate(docs)
    ]


def gap(engine: Any, prompt: str, a: str, b: str) -> float:
    """Return the difference of the two largest logits at the first token where replies `a` and `b` differ."""
    first, second = (engine.tok_encode(prompt + reply) for reply in (a, b))
    same = next((i for i, (x, y) in enumerate(zip(first, second, strict=False)) if x != y), min(len(first), len(second)))
    with torch.no_grad():
        top = engine.model(torch.tensor([first[:same]])).logits[0, -1].topk(2).values
    return float(top[0] - top[1])


def main(n: int) -> None:
    """Print one row per dtype, task and batch size."""
    with tempfile.TemporaryDirectory() as place:
        model = small_model(Path(place) / "tiny-llama")
        print(f"{'dtype':10}{'task':14}{'batch':>6}{'samples':>9}{'same':>7}   gaps of logits where replies part")
        for dtype in ("float32", "bfloat16"):
            stock = HFLM(pretrained=model, device="cpu", dtype=dtype, batch_size=1)
            for task, more in TASKS:
                instances = requests(task, model, n, **more)
                expected = stock.generate_until(instances, disable_tqdm=True)
                for size in (1, 8):
                    engine = SealLM(pretrained=model, device="cpu", dtype=dtype, batch_size=size)
                    replies = engine.generate_until(requests(task, model, n, **more), disable_tqdm=True)
                    differing = [i for i in range(n) if expected[i] != replies[i]]
                    gaps = sorted(gap(stock, instances[i].args[0], expected[i], replies[i]) for i in differing)
                    summary = f"median {gaps[len(gaps) // 2]:.1e}, largest {gaps[-1]:.1e}" if gaps else ""
                    print(f"{dtype:10}{task:14}{size:>6}{n:>9}{n - len(differing):>7}   {summary}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
