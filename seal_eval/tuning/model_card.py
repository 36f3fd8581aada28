"""The README.md of an adapter and of a folded checkpoint, in the form that the Hugging Face hub reads: fields, then text."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

README = "README.md"
PAPER = "[SEAL, Lee et al., ACL 2025](https://aclanthology.org/2025.acl-long.1405/)"
TITLES = {("seal", "channel"): "SEAL-C: one scale per channel", ("seal", "head"): "SEAL-H: one scale per attention head"}

ADAPTER = """# {title}, for {base}

{what}, tuned on {samples} of `{task}` so that the model finds what a long context holds
({paper}). The base model's weights are unchanged.

## What tuning measured

| | before | after |
|---|---|---|
| right answers to validation samples ({n}) | {right_before} | {right_after} |
| perplexity of unseen prose | {prose_before:.2f} | {prose_after:.2f} ({rise:+.1f} %) |
| right answers to short questions ({short}) | {short_before:.0f} | {short_after:.0f} |

These few samples chose the step that was kept, so they are no evaluation. To measure the gain with an interval, on samples
that share nothing with the tuning samples:

```bash
seal-eval run --model_args {without} --tasks {asked}
seal-eval run --model_args {with_it} --tasks {asked}
seal-eval compare results
```

## How to load it

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({loaded}), "FOLDER")
```

`seal-eval merge --model {word} --adapter FOLDER --out FOLDED` folds it into the weights, for engines without adapters.
Then it costs nothing.

## How it was made

{steps} steps in {seconds:.0f} s on {device}, {parameters:,} trained numbers, learning rate {lr:g}, weight of the prose's KL
divergence {kl:g}, seed {seed}.
`seal_eval.json` holds every setting, the candidates and the log. Made with seal-eval {version}.
"""

CHECKPOINT = """# {base}, {how}

This checkpoint was made from {base} with `seal-eval merge`. It loads like the base model, with no further package: transformers, vLLM and
others read it as it is. `seal_eval.json` says what was changed.
"""


def adapter_readme(card: Mapping[str, Any], base: str) -> str:
    """Return an adapter's README.md. card: its card; base: the base model, a hub id or a path."""
    plain, kept, n = card["plain"], card["kept"], max(card["validation"], 1)
    records = f"records with {card['questions']} questions each" if card["questions"] > 1 else "samples"
    before, after = card["prose_perplexity_before"], card["prose_perplexity_after"]
    title = TITLES.get((card["method"], card.get("granularity", "")), f"{card['method'].upper()} of rank {card.get('rank')}")
    text = ADAPTER.format(
        title=title, base=base, what="Scales on the outputs of attention heads" if card["method"] == "seal" else "Low-rank weights",
        samples=f"{card['samples']} generated {records}", task=card["task"], paper=PAPER, n=f"{n} {records} for each size",
        right_before=f"{plain['accuracy']:.0%}", right_after=f"{kept['accuracy']:.0%}", prose_before=before, prose_after=after,
        rise=100 * (after / before - 1), short=card["short_questions"], 
        short_before=card["short_accuracy_before"] * card["short_questions"],
        short_after=card["short_accuracy_after"] * card["short_questions"], steps=card["steps"], **_measured(card, base),
        seconds=card["tuning_seconds"], device=card["device"], parameters=card["trained_parameters"], lr=card["lr"], kl=card["kl"],
        seed=card["seed"], version=card["seal_eval"], loaded=json.dumps(base, ensure_ascii=False), word=shlex.quote(base),
    )  # fmt: skip
    return _fields("peft", base, [card["method"]]) + text


def compared(card: Mapping[str, Any]) -> tuple[str, str]:
    """Return the methods, with settings, without and with the adapter: ('plain', 'seal'), or ('yarn,factor=4', 'yarn+seal,factor=4')."""
    on, comma, settings = card["on"].partition(",")
    return (card["on"], f"{on}+{card['method']}{comma}{settings}") if on else ("plain", card["method"])


def _measured(card: Mapping[str, Any], base: str) -> dict[str, str]:
    """Parts of the commands that measure the gain: arguments without and with the adapter, and tasks with the flags it was tuned for."""
    tasks = dict.fromkeys(part.strip().partition(":")[0] for part in card["task"].split(","))
    flags = " --apply_chat_template" if card["chat"] else ""
    flags += f" --system_instruction {shlex.quote(card['system'])}" if card["system"] else ""
    without, with_it = compared(card)
    words = (f"pretrained={base},method={without}", f"pretrained={base},method={with_it},adapter=FOLDER")
    return {"without": shlex.quote(words[0]), "with_it": shlex.quote(words[1]), "asked": ",".join(tasks) + flags}


def checkpoint_readme(card: Mapping[str, Any], base: str) -> str:
    """Return a folded checkpoint's README.md. card: what `merge` has written of it."""
    parts = [f"with {card['folded'].get('method') or 'an adapter'} folded into its weights"] if card.get("folded") else []
    parts += [f"with {card['on']} in its configuration"] if card["on"] else []
    method = [str((card.get("folded") or {}).get("method") or "merged")]
    return _fields("transformers", base, method) + CHECKPOINT.format(base=base, how=" and ".join(parts))


def _fields(library: str, base: str, tags: list[str]) -> str:
    """The fields in front of the text. A base model that is no hub id cannot be named there."""
    from huggingface_hub import ModelCardData

    known = base if re.fullmatch(r"[\w.-]+/[\w.-]+", base) and not Path(base).exists() else None
    data = ModelCardData(
        base_model=known, library_name=library, pipeline_tag="text-generation", tags=["long-context", "retrieval", "seal-eval", *tags]
    )
    return f"---\n{data.to_yaml()}\n---\n\n"
