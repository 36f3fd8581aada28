"""The README.md of adapters and of folded checkpoints: the hub's own reader takes its fields, and its code runs as it stands."""

import json
import re
import shlex

import torch
from huggingface_hub import ModelCard

from seal_eval.core.files import CARD
from seal_eval.models.loading import load_model
from seal_eval.tuning.config import TuneSpec
from seal_eval.tuning.merge import export
from seal_eval.tuning.model_card import README, adapter_readme
from seal_eval.tuning.tune import tune


def test_readme_of_an_adapter_and_of_its_checkpoint(tiny_folder, tmp_path):
    out = tmp_path / "adapter"
    card = tune(str(tiny_folder), TuneSpec(recipe="fixed", length=420, samples=2, validation=1, granularity="head"), out, progress=False)
    readme = ModelCard.load(out / README)
    assert readme.data.library_name == "peft" and {"seal", "long-context"} <= set(readme.data.tags) and readme.data.base_model is None
    assert "# SEAL-H: one scale per attention head" in readme.text and f"{card['trained_parameters']:,} trained numbers" in readme.text
    assert f"| {card['prose_perplexity_before']:.2f} | {card['prose_perplexity_after']:.2f} (" in readme.text
    (code,) = re.findall(r"```python\n(.*?)```", readme.text, re.DOTALL)
    names = {}
    exec(code.replace("FOLDER", str(out)), names)  # as a reader would paste it
    model, _ = load_model(str(tiny_folder))
    ids = torch.arange(2, 60)[None]
    assert not torch.equal(names["model"](ids).logits, model(ids).logits)

    export(str(tiny_folder), tmp_path / "folded", adapter=str(out))
    folded = ModelCard.load(tmp_path / "folded" / README)
    assert folded.data.library_name == "transformers" and "seal" in folded.data.tags and "folded into its weights" in folded.text


def test_fields_on_the_hub(tiny_folder, tmp_path):
    out = tmp_path / "adapter"
    tune(str(tiny_folder), TuneSpec(recipe="fixed", length=420, samples=2, validation=1, method="dora"), out, progress=False)
    card = json.loads((out / CARD).read_text())
    readme = ModelCard(adapter_readme(card, "HuggingFaceTB/SmolLM2-135M-Instruct"))
    readme.data.license = "apache-2.0"
    assert readme.data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct" and readme.data.pipeline_tag == "text-generation"
    assert "# DORA of rank 4, for HuggingFaceTB/SmolLM2-135M-Instruct" in readme.text
    assert "method=dora,adapter=FOLDER" in readme.text and "{" not in readme.text


def test_the_commands_that_measure_the_gain_are_those_of_the_tuning(tiny_folder, tmp_path):
    spec = TuneSpec(
        task="seal_needle:420,seal_lines", recipe="fixed", length=450, samples=2, validation=1, granularity="head", chat=True,
        system="Be 'brief'.", on="linear,factor=2",
    )  # fmt: skip
    card = tune(str(tiny_folder), spec, tmp_path / "adapter", progress=False)
    readme = adapter_readme(card, "org/base")
    flags = "--tasks seal_needle,seal_lines --apply_chat_template --system_instruction 'Be '\"'\"'brief'\"'\"'.'"
    assert f"pretrained=org/base,method=linear,factor=2 {flags}\n" in readme
    assert f"pretrained=org/base,method=linear+seal,factor=2,adapter=FOLDER {flags}\n" in readme

    place = "/mo dels/Bär's"  # the commands of a base model here can be pasted, too
    commands = [shlex.split(line) for line in adapter_readme(card, place).splitlines() if "seal-eval run" in line]
    assert [words[3] for words in commands] == [
        f"pretrained={place},method=linear,factor=2", f"pretrained={place},method=linear+seal,factor=2,adapter=FOLDER",
    ]  # fmt: skip
    merge = re.findall(r"`(seal-eval merge .*?)`", adapter_readme(card, place))
    assert shlex.split(merge[0])[3] == place and f'from_pretrained("{place}")' in adapter_readme(card, place)
