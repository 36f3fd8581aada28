"""Write the table of architectures: which methods work on every causal language model of transformers, tried on small random models.

    python benchmarks/architectures.py docs/architectures.md [--jobs 2]

Each model is tried against stock peft, its own folded weights, the self-test of each method, finite gradients and single heads removed.
"""

import argparse
import copy
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F

from seal_eval.baselines import method_of
from seal_eval.core.errors import SealError, first_line
from seal_eval.models.adapters import fold, input_times, save_adapter, scaled
from seal_eval.models.modules import head_projections, in_features, n_heads
from seal_eval.models.selftest import check_method
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.head_importance import by_pruning
from seal_eval.tuning.parameters import trainable

from architecture_kinds import built, kinds

ROPE = ("linear", "ntk", "dynamic_ntk", "yarn")
PARTS = ("self_extend", "streaming", "dual_chunk")
COLUMNS = ("SEAL", "rotary methods", "methods by parts", "LoRA", "head map")
IDS = torch.arange(2, 34)[None] * 7 % 900 + 10
HEADER = """# Architectures

Look up here which of these methods work on your model. Every causal language model of transformers {version} that can be built small is
made with random weights and four layers, and tried; the others are listed at the end. The table is written by

<!-- not run here: several minutes; tests/models/test_architectures.py compares rows -->
```bash
python benchmarks/architectures.py docs/architectures.md
```

and a test compares some twenty rows with what they give now. The full list is compared by `pytest -m nightly`.

| column | what is tried |
|---|---|
| SEAL | random scales by hooks equal stock peft with the saved adapter (to 1e-5 of the largest logit) and folded weights (1e-4) |
| rotary methods | the self-test of linear, ntk, dynamic_ntk and yarn |
| methods by parts | the self-test of self_extend, streaming and dual_chunk, which compute attention in parts at other positions |
| LoRA | gradients are finite and not all 0, and the model is as before |
| head map | the effect of one head equals that of a pass without it |

"ok" means that all of it works, "refused" that the user is told the reason in the footnote, "in part" that some of the
methods work, and "wrong" that this project has an error there. Models in a multimodal wrapper are
listed under the name of their text model.

"""


def row(kind: str) -> dict[str, str]:
    """The result of each column: 'ok', or a reason. One entry 'not built' with a reason where transformers builds no small model."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    from transformers import logging

    logging.set_verbosity_error()
    try:
        model = built(kind)
        logits(model)
    except Exception as error:
        return {"not built": f"{type(error).__name__}: {first_line(error)}"}
    return {
        "SEAL": tried(lambda: seal(model)),
        "rotary methods": several(model, ROPE),
        "methods by parts": several(model, PARTS),
        "LoRA": tried(lambda: lora(model)),
        "head map": tried(lambda: head_map(model)),
    }


def tried(what: Any) -> str:
    """'ok', or why not: what a SealError says, the kind and first line of any other error, or what an assertion says."""
    try:
        what()
        return "ok"
    except SealError as error:
        return str(error)
    except Exception as error:
        return f"WRONG: {type(error).__name__}: {first_line(error)}"


def several(model: Any, methods: tuple[str, ...]) -> str:
    """'ok' when all methods pass their self-test, else the reasons, each with the methods that it concerns."""
    by_reason: dict[str, list[str]] = {}
    for name in methods:
        # the remedy and the name are the same in every row
        reason = tried(lambda name=name: check_method(name, method_of(name), model)).split("; choose ")[0]
        by_reason.setdefault(reason.partition("): ")[2] if reason.startswith("method '") else reason, []).append(name)
    if set(by_reason) == {"ok"}:
        return "ok"
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model(input_ids=IDS, use_cache=False).logits.float()


def seal(model: Any) -> None:
    """Scales by hooks against stock peft and against folded weights."""
    from peft import PeftModel

    generator = torch.Generator().manual_seed(1)
    scales = {n: 0.2 + 2 * torch.rand(in_features(m), generator=generator) for n, m in head_projections(model)}
    plain = logits(model)
    with scaled(model, scales):
        hooked = logits(model)
    assert torch.equal(logits(model), plain), "the model is not as before"
    largest = float(hooked.abs().max())
    assert float((hooked - plain).abs().max()) > 1e-4 * largest, "scales change nothing"
    with tempfile.TemporaryDirectory() as folder:
        save_adapter(model, scales, Path(folder), {"model": "m"})
        apart = float((logits(PeftModel.from_pretrained(copy.deepcopy(model), folder).eval()) - hooked).abs().max()) / largest
    assert apart <= 1e-5, "stock peft gives other predictions"
    folded = copy.deepcopy(model)
    fold(folded, scales)
    assert float((logits(folded) - hooked).abs().max()) / largest <= 1e-4, "folded weights give other predictions"


def lora(model: Any) -> None:
    plain = logits(model)
    with trainable(model, TuneSpec(recipe="fixed", method="lora", rank=2)) as trained:
        with trained.on():
            out = model(input_ids=IDS, use_cache=False).logits
            F.cross_entropy(out[0, :-1].float(), IDS[0, 1:]).backward()
        gradients = [p.grad for p in trained.parameters() if p.grad is not None]
    assert gradients and all(bool(g.isfinite().all()) for g in gradients), "gradients are not finite"
    assert any(float(g.abs().max()) > 0 for g in gradients), "gradients are 0"
    assert torch.equal(logits(model), plain), "the model is not as before"


def head_map(model: Any) -> None:
    """One entry of the map, of the last layer, against a pass without that head."""
    half = IDS.shape[1] // 2
    sample: Any = SimpleNamespace(input="", prefix="", answer="")
    prompts: Any = SimpleNamespace(continued=lambda *_: (IDS[0].tolist(), half))
    found = by_pruning(model, prompts, [sample])
    _, projection = head_projections(model)[-1]
    keep = torch.ones(n_heads(model), in_features(projection) // n_heads(model))
    keep[1] = 0

    def loss() -> float:
        return float(F.cross_entropy(logits(model)[0, half - 1 : -1], IDS[0, half:]))

    plain = loss()
    with input_times(projection, keep.flatten()[None, None]):
        without = loss()
    assert abs(without - plain - float(found[-1, 1])) <= 1e-3 * max(abs(without - plain), 1e-2), "the effect of a head is another"


def page(rows: dict[str, dict[str, str]]) -> str:
    """The page, with a footnote for each reason."""
    from transformers import __version__

    notes: dict[str, int] = {}

    def cell(text: str) -> str:
        if text == "ok":
            return "ok"
        kind = "wrong" if "WRONG" in text else "in part" if ": ok" in text else "refused"
        return f"{kind}, [{notes.setdefault(text, len(notes) + 1)}](#reasons)"

    lines = [f"| model type | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {kind} | {' | '.join(cell(found[c]) for c in COLUMNS)} |" for kind, found in rows.items() if "not built" not in found]
    reasons = [f"{n}. {escaped(text)}" for text, n in notes.items()]
    absent = [f"- {kind}: {escaped(found['not built'])}" for kind, found in rows.items() if "not built" in found]
    parts = ["\n".join(lines), "## Reasons", "\n".join(reasons), "## Not built", "\n".join(absent)]
    return HEADER.format(version=__version__) + "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_").replace("[", "\\[")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="model types; the page then holds these alone")
    args = parser.parse_args()
    names = args.only or kinds()
    with ProcessPoolExecutor(args.jobs) as pool:
        rows = dict(zip(names, pool.map(row, names), strict=True))
    args.out.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
