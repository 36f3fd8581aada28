"""The self-test of methods: what it refuses on models and methods made for it, and that it leaves the others alone."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from transformers import AutoModelForCausalLM, RecurrentGemmaConfig

from seal_eval.baselines import method_names, method_of
from seal_eval.core.errors import SealError
from seal_eval.core.plugins import Method
from seal_eval.models.modules import head_projections
from seal_eval.models.selftest import check_method, full_attentions

from architecture_kinds import small_config
from conftest import seal_eval, tiny_model
from method_cases import CASES, MADE, logits, made, method

HALF = {"layer_types": ["sliding_attention", "sliding_attention", "full_attention"], "sliding_window": 32}


@dataclass(frozen=True)
class Scale(Method):
    """Multiplies head outputs; each fault that the self-test looks for can be switched on."""

    summary: ClassVar[str] = "for tests"
    neutral: ClassVar[Any] = {"by": 1.0}
    by: float = 1.0
    fault: str = ""

    shares_prefix: ClassVar[bool] = True

    @contextmanager
    def apply(self, model):
        def change(_, x):
            if self.fault == "raises":
                raise KeyError("short_mscale")
            last = x[0].shape[1] == 16 and self.fault == "cache"  # the tokens after a cached prefix
            return ((self.by + last + (self.fault == "neutral")) * x[0],)

        handles = [p.register_forward_pre_hook(change) for _, p in head_projections(model)]
        try:
            yield model
        finally:
            for handle in handles[self.fault == "left" :]:
                handle.remove()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("neutral", "settings that must change nothing (by=1.0, fault=neutral) change the model's predictions"),
        ("raises", "settings that change nothing cannot be run (KeyError: 'short_mscale')"),
        ("cache", "with a cache its predictions are others than without"),
        ("left", "the model is not as before when it ends"),
    ],
)
def test_a_faulty_method_is_refused(fault, message):
    with pytest.raises(SealError) as error:
        check_method("scale", Scale(1.5, fault), tiny_model())
    assert message in str(error.value) and str(error.value).startswith("method 'scale' on LlamaForCausalLM (llama): ")
    assert "\n" not in str(error.value) and "--no-selftest" in str(error.value)
    check_method("scale", Scale(1.5), tiny_model())


@pytest.mark.parametrize("name", [*CASES, *MADE])
@pytest.mark.parametrize("kind", ["smollm3"])
def test_right_methods_pass(kind, name, tmp_path):
    model = tiny_model(kind)
    plain = logits(model)
    own = CASES[name][1] if name in CASES else made(name, kind, 1, tmp_path / "made")
    check_method(name, method(name, **own), model)
    assert torch.equal(logits(model), plain)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["linear", "ntk", "yarn", "self_extend", "dual_chunk", "string", "temperature", "logn"])
@pytest.mark.parametrize("kind", ["gemma2", "llama"])
def test_small_effects_in_half_precision(kind, name, dtype):
    """Attention of small random weights hardly looks at places, and in bf16 the change is no larger than rounding."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(small_config(kind)).eval().to(dtype)
    before = {key: weight.clone() for key, weight in model.state_dict().items()}
    check_method(name, method(name, **CASES[name][1]), model)
    after = model.state_dict()
    assert all(after[key].dtype == weight.dtype and torch.equal(after[key], weight) for key, weight in before.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["self_extend", "dual_chunk", "string", "linear", "ntk", "dynamic_ntk", "yarn"])
@pytest.mark.parametrize("kind", ["exaone4", "afmoe", "cohere2"])
def test_methods_that_full_layers_do_not_see_are_refused(kind, name, dtype):
    """Their layers with full attention do not rotate keys: distances mean nothing there, and sliding layers never see longer ones."""
    model = tiny_model(kind, **HALF).to(dtype)
    assert len(full_attentions(model)) == 1
    with pytest.raises(SealError, match=r"it changes nothing in layers with full attention|interleaves its rotary channels"):
        check_method(name, method(name), model)


def test_methods_that_choose_tokens_work_without_positions():
    for name in ("streaming", "logn"):
        check_method(name, method(name, **CASES[name][1]), tiny_model("exaone4", **HALF))


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("phimoe", "linear", "KeyError: 'original_max_position_embeddings'"),
        ("phimoe", "dynamic_ntk", "it changes nothing in layers with full attention"),
        ("doge", "self_extend", "TypeError"),
        ("granite_swa", "ntk", "KeyError"),
        ("mistral", "yarn", "no layer with full attention"),
    ],
)
def test_what_a_model_cannot_do_is_said_in_one_line(kind, name, message):
    with pytest.raises(SealError) as error:
        check_method(name, method(name), tiny_model(kind, **({"sliding_window": 64} if kind == "mistral" else {})))
    assert message in str(error.value) and f"({kind})" in str(error.value)


@pytest.mark.parametrize("name", ["linear", "temperature,factor=2"])
def test_what_fails_for_want_of_attention_says_so(name):
    """transformers cannot run Qwen3-Next with linear attention alone: its mask asks the cache for the length of an attention layer."""
    config = small_config("qwen3_next")
    config.layer_types = ["linear_attention"] * 4
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(SealError, match="it has no layer with full attention that could be found, so nothing would be extended; choose"):
        check_method(name, method_of(name), model)


def test_an_embedding_that_knows_no_other_type_is_named():
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_hidden_layers": 3, "vocab_size": 1000}
    model = AutoModelForCausalLM.from_config(RecurrentGemmaConfig(**sizes, attention_window_size=32, lru_width=64))
    cause = r"^RecurrentGemmaForCausalLM: its rotary embedding \(RecurrentGemmaRotaryEmbedding\) cannot take this method's parameters"
    with pytest.raises(SealError, match=cause), method_of("linear").apply(model):  # as with --no-selftest
        pass


def test_a_composition_names_the_part():
    with pytest.raises(SealError, match="method 'ntk' on Exaone4ForCausalLM"):
        check_method("logn+ntk", method("logn+ntk"), tiny_model("exaone4", **HALF))
    check_method("yarn+self_extend", method("yarn+self_extend"), tiny_model())


def test_every_method_says_what_changes_nothing():
    """Methods read from a folder have no settings that change nothing."""
    from seal_eval.baselines import get_method

    assert {name for name in method_names() if get_method(name).neutral is None} == {"seal", "rule", "lora", "dora"}
    assert {name for name in method_names() if get_method(name).changes in ("rope", "attention") and get_method(name).active is None} == {
        "dysco"  # acts on the last token of a pass, whose attention is computed twice
    }


def test_by_command(tiny_folder, tmp_path):
    """The command line passes --no-selftest on, and refuses it where there is no self-test."""
    said = ["run", "--tasks", "seal_lines", "--metadata", "lengths=[450]", "num_samples=1", "--no-selftest", "--output_path", str(tmp_path)]
    seal_eval(*said, "--model_args", f"pretrained={tiny_folder}")
    (results,) = tmp_path.rglob("results_*.json")
    assert json.loads(results.read_text())["config"]["model_args"]["selftest"] is False
    refused = seal_eval(*said, "--model", "hf", "--model_args", f"pretrained={tiny_folder}", code=1).stderr
    assert "--no-selftest: --model hf applies no method" in refused


def test_tuning_and_merging_refuse_what_fails(tokenizer, tmp_path):
    folder, out = tmp_path / "exaone4", tmp_path / "out"
    tiny_model("exaone4", **HALF).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for command in (("tune", "--length", "450", "--samples", "2"), ("merge",)):
        said = seal_eval(*command, "--model", folder, "--on", "yarn,factor=2", "--out", out, code=1).stderr
        assert "it changes nothing in layers with full attention" in said and not out.exists()
