"""Replies of our engine against `lm_eval --model hf` at batch size 1, on thousands of samples of a small random model.

    python benchmarks/agreement.py 2000 > docs/agreement.txt      (about ten minutes on two cores)

A random model has no favourite answer, so its logits lie close together: more ties than any trained one. Every reply has 32 tokens
unless it ends before. Where two replies differ, the gap of the two likeliest tokens at the first difference is printed.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from seal_eval.harness.dataset import documents
from seal_eval.harness.engine import SealLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from kills import small_model

LENGTH = 750
TASKS = (("seal_lines", {"questions_per_record": 10}), ("seal_needle", {}))


def requests(task: str, model: str, n: int, **more: Any) -> list[Any]:
    """lm-eval's requests of `n` samples of LENGTH tokens."""
    docs = documents(task, pretrained=model, lengths=[LENGTH], num_samples=n, **more)["test"]
    options = {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 32}
    return [
        Instance(
            request_type="generate_until", doc=dict(doc), arguments=(doc["input"] + doc["prefix"], options), idx=0, metadata=(task, i, 1)
        )
        for i, doc in enumerate(docs)
    ]


def gap(engine: Any, prompt: str, a: str, b: str) -> float:
    """Difference of the two largest logits where two replies part."""
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
                asked = requests(task, model, n, **more)
                wanted = stock.generate_until(asked, disable_tqdm=True)
                for size in (1, 8):
                    engine = SealLM(pretrained=model, device="cpu", dtype=dtype, batch_size=size)
                    found = engine.generate_until(requests(task, model, n, **more), disable_tqdm=True)
                    parted = [i for i in range(n) if wanted[i] != found[i]]
                    gaps = sorted(gap(stock, asked[i].args[0], wanted[i], found[i]) for i in parted)
                    said = f"median {gaps[len(gaps) // 2]:.1e}, largest {gaps[-1]:.1e}" if gaps else ""
                    print(f"{dtype:10}{task:14}{size:>6}{n:>9}{n - len(parted):>7}   {said}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
