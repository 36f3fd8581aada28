"""Copy scores of heads: against the attention that transformers' eager code returns, and on a model with one planted copying head."""

import json

import pytest
import torch

from seal_eval.baselines import take_method
from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP
from seal_eval.core.types import Sample
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task
from seal_eval.tuning.copy_scores import by_copying, largest_weights

from conftest import seal_eval, tiny_model

WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
]


@torch.no_grad()
def from_eager(model, prompt_format, samples):
    """Return the scores by hand: the attention matrices of transformers' eager code, and needles found as runs of equal token ids."""
    model.config.get_text_config()._attn_implementation = "eager"
    copied, n = torch.zeros(3, 4), 0
    for sample in samples:
        ids, n_prompt = prompt_format.continued(sample.input, sample.prefix, sample.answer)
        answer = ids[n_prompt : n_prompt + len(sample.targets[0])]  # the tokenizer has single digits: one token each
        starts = [at for at in range(n_prompt) if ids[at : at + len(answer)] == answer]
        needle = [at + k for at in starts for k in range(len(answer))]
        assert starts and len(answer) == len(sample.targets[0]) and "".join(prompt_format.tokenizer.decode([t]) for t in answer)
        attention = model(torch.tensor([ids]), output_attentions=True).attentions
        for k, token in enumerate(answer):
            n += 1
            for layer in range(3):
                for head in range(4):
                    place = int(attention[layer][0, head, n_prompt + k - 1].argmax())
                    copied[layer, head] += place in needle and ids[place] == token
    return copied / n


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2", "gpt2"])
def test_against_eager_attention(kind, tokenizer):
    prompt_format = PromptFormat(tokenizer)
    samples = get_task("seal_lines").build(prompt_format, 450, 12, 0, split="tune")
    model = tiny_model(kind)
    mine = by_copying(model, prompt_format, samples)
    theirs = from_eager(model, prompt_format, samples)
    assert mine.shape == (3, 4) and torch.equal(mine, theirs)
    assert float(theirs.max()) > 0 or kind == "gemma2"  # else nothing was compared
    # the places themselves: every layer and head, capped scores and sliding windows (gemma2) too
    ids, _ = prompt_format.continued(samples[0].input, samples[0].prefix, samples[0].answer)
    steps = [5, 100, len(ids) - 1]
    with torch.no_grad():
        attention = model(torch.tensor([ids]), output_attentions=True).attentions
        places = largest_weights(model, ids, steps)
    assert torch.equal(places, torch.stack([layer[0][:, steps].argmax(-1) for layer in attention]))


def word_tokenizer():
    """One token per word."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["<unk>", *WORDS])}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="<unk>")


@torch.no_grad()
def planted():
    """A model of two layers and two heads with an induction head: head 0 of layer 0 brings the word before; head 0 of layer 1 looks for
    places whose word before is the current word, so it attends to the word that followed it. The other heads attend evenly."""
    from transformers import LlamaConfig, LlamaForCausalLM

    d = 64  # of a head; the stream's first half holds a word, its second half the word before
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS) + 1, hidden_size=2 * d, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, attention_bias=True, rope_parameters={"rope_type": "default", "rope_theta": 1e8},
        )
    ).eval()  # fmt: skip
    for name, weight in model.named_parameters():
        if "norm" not in name:
            weight.zero_()
    generator = torch.Generator().manual_seed(0)
    model.model.embed_tokens.weight[:, :d] = torch.randn(len(WORDS) + 1, d, generator=generator).sign()
    back, match = (layer.self_attn for layer in model.model.layers)
    one = torch.cat([torch.ones(d // 2), torch.zeros(d // 2)])
    angle = 1 / 1e8 ** (torch.arange(0, d, 2) / d)
    back.k_proj.bias[:d] = 30 * one  # a key that points the same way everywhere, and a query one position behind it: largest at distance 1
    back.q_proj.bias[:d] = 30 * torch.cat([angle.cos(), -angle.sin()])
    back.v_proj.weight[:d, :d] = back.o_proj.weight[d:, :d] = torch.eye(d)
    slow = torch.eye(d)[[*range(16, 32), *range(48, 64)]]  # channels that hardly rotate
    match.q_proj.weight[[*range(16, 32), *range(48, 64)], :d] = 10 * slow
    match.k_proj.weight[[*range(16, 32), *range(48, 64)], d:] = 10 * slow
    return model


def sample(text, prefix, answer, target):
    return Sample("1", "planted", text, prefix, answer, (target,), ("key",), 20, 20, 0.5, "1", 0, 8)


def test_a_planted_copying_head(tmp_path):
    text = "lima mike alpha bravo charlie delta echo november oscar papa tango"
    prompt_format = PromptFormat(word_tokenizer())
    model = planted()
    needle = sample(text, "quebec alpha", " bravo charlie delta", "bravo charlie delta")
    assert by_copying(model, prompt_format, [needle]).tolist() == [[0.0, 0.0], [1.0, 0.0]]
    # a needle whose words follow other ones in the answer than in the text: the head does not copy it, and half of two needles is half
    mixed = sample(text, "quebec alpha", " golf charlie hotel", "charlie")
    assert by_copying(model, prompt_format, [needle, mixed]).tolist() == [[0.0, 0.0], [0.75, 0.0]]  # 3 of 4 tokens


def test_answers_that_are_not_in_the_text():
    lost = sample("lima mike", "quebec", " golf", "golf")
    with pytest.raises(SealError, match="task 'planted': no token of its answers is in the text"):
        by_copying(planted(), PromptFormat(word_tokenizer()), [lost])


def test_command(tmp_path, tiny_folder):
    """--by copy writes a map that rule and duo read; --by both compares with the effects."""
    done = seal_eval("heads", "--model", tiny_folder, "--out", tmp_path / "m", "--length", 450, "--samples", 12, "--by", "copy")
    assert "3 layers of 4 heads" in done.stdout and "copied most (layer.head): " in done.stdout
    found = json.loads((tmp_path / "m" / MAP).read_text())
    assert found["gradient"] is None and found["pruned"] is None and found["by"] == "copy"
    assert all(0 <= score <= 1 for row in found["copy"] for score in row)
    assert (tmp_path / "m" / "copy-dark.svg").is_file() and not (tmp_path / "m" / "heads-dark.svg").exists()
    ids, model = torch.arange(2, 60)[None], tiny_model()
    plain = model(ids).logits
    for arguments in ({"method": "rule"}, {"method": "duo", "share": 0.25, "sinks": 1, "recent": 8}):
        with take_method({"heads": str(tmp_path / "m"), **arguments})[1].apply(model):
            assert not torch.allclose(model(ids).logits, plain, atol=1e-3)
    done = seal_eval(
        "heads", "--model", tiny_folder, "--out", tmp_path / "both", "--length", 450, "--samples", 12, "--by", "both", "--no-sweep"
    )
    both = json.loads((tmp_path / "both" / MAP).read_text())
    assert both["copy"] == found["copy"] and both["gradient"] and f"Spearman {both['copy_spearman']:.3f}" in done.stdout
    done = seal_eval("heads", "--model", tiny_folder, "--out", tmp_path / "no", "--by", "loss", code=1)
    assert "a map of heads: by is 'loss', must be effect or copy or both" in done.stderr
