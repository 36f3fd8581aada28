"""DySCO's replies against the algorithm written out: no cache, whole matrices of attention and added scores, float64."""

import json
import math
from pathlib import Path

import pytest
import torch

from seal_eval.core.errors import SealError
from seal_eval.core.files import MAP
from seal_eval.harness.prefix_cache import SharedPrefix
from seal_eval.models.caches import sharing

from architecture_kinds import built
from conftest import tiny_model
from method_cases import IDS, close, method

HEADS = [(2, 3), (0, 1), (1, 2), (1, 0)]  # by falling score
DECAY, NUCLEUS, WARMUP = 0.75, 0.6, 8


@pytest.fixture
def folder(tmp_path):
    scores = [[0.0] * 4 for _ in range(3)]
    for rank, (layer, head) in enumerate(HEADS):
        scores[layer][head] = 0.9 - 0.1 * rank
    (tmp_path / MAP).write_text(json.dumps({"gradient": None, "pruned": None, "copy": scores}))
    return str(tmp_path)


def important(past, row):
    """Return the importance after a step: the row of attention plus the decayed past, normalised."""
    total = [a + DECAY * (past[j] if j < len(past) else 0.0) for j, a in enumerate(row)]
    return [a / sum(total) for a in total]


def nucleus(values, most):
    """Return the most important tokens whose importance together is at most NUCLEUS, at least one and at most `most`."""
    order = sorted(range(len(values)), key=lambda j: -values[j])
    kept = [j for k, j in enumerate(order) if sum(values[i] for i in order[: k + 1]) <= NUCLEUS]
    return (kept or order[:1])[:most]


@torch.no_grad()
def written_out(model, ids, n_prompt, strength, most):
    """Return the logits [n - n_prompt + 1, vocab] of the prompt's last token and of the tokens after it."""
    model.double().config._attn_implementation = "eager"
    n = ids.shape[1]
    bias = torch.full((n, n), torch.finfo(torch.float64).min, dtype=torch.float64).triu(1)

    def read(upto):
        out = model(ids[:, :upto], attention_mask=bias[None, None, :upto, :upto], output_attentions=True, use_cache=False)
        return torch.stack([out.attentions[layer][0, head] for layer, head in HEADS]).mean(0), out.logits[0]

    rows, _ = read(n_prompt)
    importance = []
    for row in range(n_prompt - WARMUP, n_prompt - 1):
        importance = important(importance, rows[row, : row + 1].tolist())
    found, sizes = [], []
    for last in range(n_prompt - 1, n):
        rows, _ = read(last + 1)  # the row of `last` has no added scores yet
        importance = important(importance, rows[last, : last + 1].tolist())
        chosen = nucleus(importance, most)
        bias[last, [*chosen, last]] = math.log(strength)
        sizes.append(len(chosen))
        found.append(read(last + 1)[1][last])
    return torch.stack(found), sizes


@pytest.mark.parametrize("most", [4096, 5])
@torch.no_grad()
def test_a_reply(folder, most):
    model = tiny_model()
    with method("dysco", heads=folder, top=4, nucleus=NUCLEUS, keys=most, strength=4.0).apply(model):
        out = model(IDS[:, :70], use_cache=True)
        cache, mine = out.past_key_values, [out.logits[0, -1]]
        for t in range(70, 80):
            mine.append(model(IDS[:, t : t + 1], past_key_values=cache, use_cache=True).logits[0, -1])
        assert cache.get_seq_length() == 80
    expected, sizes = written_out(tiny_model(), IDS[:, :80], 70, 4.0, most)
    assert max(sizes) <= most and (max(sizes) > 5 or most == 5)
    assert close(torch.stack(mine).double(), expected)


@torch.no_grad()
def test_generation(folder):
    """generate() gives the same replies alone and in a padded batch, and one prompt leaves nothing for the next."""
    model = tiny_model()
    long, short = IDS[:, :60], IDS[:, 20:60]
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 1, "eos_token_id": None}
    with method("dysco", heads=folder, top=4, strength=4.0).apply(model):
        first = model.generate(long, attention_mask=torch.ones_like(long), **options)
        alone = model.generate(short, attention_mask=torch.ones_like(short), **options)
        both = torch.cat([long, torch.cat([torch.ones(1, 20, dtype=torch.long), short], 1)])
        mask = (torch.arange(60)[None] >= torch.tensor([[0], [20]])).long()
        together = model.generate(both, attention_mask=mask, **options)
    assert torch.equal(together[0], first[0]) and torch.equal(together[1, 20:], alone[0])
    assert "forward" not in vars(model)


def test_heads_that_slide(folder):
    model = tiny_model("gemma3_text")  # its first layer slides
    with method("dysco", heads=folder, top=4).apply(model):
        model(IDS)
    scores = [[0.9] * 4, [0.0] * 4, [0.0] * 4]
    Path(folder, MAP).write_text(json.dumps({"copy": scores}))
    nothing = "none of the chosen heads is in a layer with full attention"
    with pytest.raises(SealError, match=nothing), method("dysco", heads=folder, top=4).apply(model):
        model(IDS)


def test_a_token_behind_another_text_is_refused(folder):
    """What matters would be counted from this token on, without the prompt's last ones."""
    model = tiny_model()
    with torch.no_grad(), method("dysco", heads=folder, top=4).apply(model):
        first = model(IDS, use_cache=True).past_key_values
        model(IDS[:, :40], use_cache=True)
        with pytest.raises(SealError, match="before another text is read"):
            model(IDS[:, :1], past_key_values=first)


@torch.no_grad()
def test_prompts_share_what_comes_before_their_end(folder):
    """A prompt that goes on from another's end, one that is the other's beginning, and a batch with one shorter than the warm-up."""
    model = tiny_model()
    asked = [IDS[:, :50], IDS[:, :80], IDS[:, :50], IDS[:, :46]]
    options = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 1, "eos_token_id": None}
    chosen = method("dysco", heads=folder, top=4, strength=4.0)
    with chosen.apply(model):
        alone = [model.generate(ids, attention_mask=torch.ones_like(ids), **options) for ids in asked]
        shared, found, read = SharedPrefix(model, 1000, sharing(model, chosen)), [], []
        for ids in asked:
            counting = model.register_forward_pre_hook(lambda _, a, k: read.append(k["input_ids"].shape[1]), with_kwargs=True)
            cache = shared.begin(ids)
            counting.remove()
            found.append(model.generate(ids, attention_mask=torch.ones_like(ids), past_key_values=cache, **options))
            shared.end(found[-1])
        both = torch.cat([IDS[:, :50], torch.cat([torch.ones(1, 46, dtype=torch.long), IDS[:, :4]], 1)])
        mask = (torch.arange(50)[None] >= torch.tensor([[0], [46]])).long()
        uncached = model.generate(both, attention_mask=mask, **options)
        cached = model.generate(both, attention_mask=mask, past_key_values=shared.begin(both, mask), **options)
    assert all(torch.equal(a, b) for a, b in zip(found, alone, strict=True)) and read == [42, 30]
    assert torch.equal(cached, uncached) and torch.equal(cached[0], alone[0][0])


def test_a_cache_with_room_for_one_token_at_a_time_is_not_shared(folder):
    """Importance begins with several tokens that are read in one pass."""
    model, chosen = built("jamba"), method("dysco", heads=folder, top=4)
    assert "8 tokens in one pass" in sharing(model, chosen).why_not and sharing(model, method("plain")).in_pieces is False
