"""A cache kept from prompt to prompt: same replies as without it, and a shared prefix is prefilled once."""

import random
from contextlib import nullcontext
from itertools import pairwise

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from seal_eval.baselines import get_method, method_names, take_method
from seal_eval.harness.batch_plan import batches
from seal_eval.harness.prefix_cache import MIN_SHARED_TOKENS, SNAPSHOTS, SharedPrefix, growing_cache, keeps_all
from seal_eval.models.caches import Sharing, in_common, probe, sharing
from seal_eval.models.growing import GrowingLayer

from architecture_kinds import built
from conftest import tiny_model
from method_cases import CASES, MADE, made

KINDS = ("llama", "qwen3", "phi", "gpt_neox")


def prompts(n_records=2):
    """Return prompts: records with four questions each, two of them equally long, and a prompt with a prefix of its own."""
    draw = random.Random(0)
    tokens = lambda n: [draw.randrange(2, 900) for _ in range(n)]  # noqa: E731
    records = [tokens(60 + 9 * i) for i in range(n_records)]
    return [record + tokens(n) for n in (5, 5, 6, 7) for record in records] + [tokens(40)]


def replies(model, asked, size=1, chunk=0, how=None):
    """Return greedy replies of at most five tokens and the number of tokens computed. With a `chunk`, the shared cache is used."""
    how = how or probe(model)
    read, out = 0, {}

    def count(_module, args, kwargs):
        nonlocal read
        ids = kwargs.get("input_ids") if kwargs.get("input_ids") is not None else args[0]
        assert not chunk or ids.shape[1] <= chunk or not how.in_pieces
        behind = kwargs.get("past_key_values") is not None and kwargs["past_key_values"].get_seq_length()
        assert how.in_pieces or not chunk or not behind or ids.shape[1] == 1
        read += ids.numel()

    handle = model.register_forward_pre_hook(count, with_kwargs=True)
    plan = [([i], False) for i in range(len(asked))]
    if chunk:
        plan = batches(asked, [None] * len(asked), size, True, rows=how.in_rows, joins=keeps_all(growing_cache(model.config)))
    cache = SharedPrefix(model, chunk, how, [asked[i] for batch, shared in plan if shared for i in batch]) if chunk else None
    for part, through_cache in plan:
        longest = max(len(asked[i]) for i in part)
        context = torch.tensor([[1] * (longest - len(asked[i])) + asked[i] for i in part])
        mask = torch.tensor([[0] * (longest - len(asked[i])) + [1] * len(asked[i]) for i in part])
        more = {"past_key_values": cache.begin(context, mask)} if through_cache else {}
        with cache.generating(len(part)) if through_cache else nullcontext():
            found = model.generate(context, attention_mask=mask, max_new_tokens=5, do_sample=False, pad_token_id=1, use_cache=True, **more)
        if through_cache:
            cache.end(found)
        out |= dict(zip(part, found[:, context.shape[1] :].tolist(), strict=True))
    handle.remove()
    return [until_eos(out[i]) for i in range(len(asked))], read


WHOLE = {"dynamic_ntk", "ms_poe"}  # the whole prompt decides what they do


def until_eos(tokens):
    """Cut the padding that a finished reply gets while others in the batch continue."""
    return tokens[: tokens.index(1) + 1] if 1 in tokens else tokens


@pytest.mark.parametrize(
    ("name", "kind"),  # methods on whole and on partial rotation; other kinds of models: test_architectures.py
    [*(("plain", kind) for kind in KINDS), *((name, kind) for name in (*CASES, *MADE) for kind in ("qwen3", "phi"))],
)
def test_same_replies(kind, name, tmp_path):
    model = tiny_model(kind)
    own = {} if name == "plain" else CASES[name][1] if name in CASES else made(name, kind, 1, tmp_path / "made")
    method = take_method({"method": name, **own})[1]
    if sharing(model, method).why_not:
        assert name in WHOLE
        return
    asked = prompts(4 if name == "plain" else 2)
    with method.apply(model), torch.no_grad():
        how = sharing(model, method)
        alone, read_alone = replies(model, asked)
        shared, read_shared = replies(model, asked, chunk=1000, how=how)
        pieces, _ = replies(model, asked, chunk=23, how=how)
        together, read_together = replies(model, asked, size=8, chunk=1000, how=how)
    assert shared == pieces == together == alone
    assert read_shared < 0.5 * read_alone and read_together < 0.6 * read_alone


# layers that let go of tokens: sliding window (with sinks), chunks, convolutions, state space, linear attention, several kinds in one
LETS_GO = ("gemma3_text", "gpt_oss", "llama4_text", "lfm2", "jamba", "nemotron_h", "falcon_h1", "qwen3_next", "deepseek_v4")
MORE = ("gemma2", "gemma3n_text", "cohere2", "granitemoehybrid", "olmo_hybrid", "ministral", "qwen3_5_text", "deepseek_v32")


@pytest.mark.parametrize("kind", [*LETS_GO, *(pytest.param(kind, marks=pytest.mark.nightly) for kind in MORE)])
def test_same_replies_where_layers_let_go_of_tokens(kind):
    """Prompts part at two depths: where questions begin, and in the middle of a record."""
    model = built(kind)
    model.generation_config.eos_token_id = 1
    asked = prompts()
    draw = random.Random(1)
    asked += [prompt[:45] + draw.choices(range(2, 900), k=30) for prompt in asked[:4]]
    with torch.no_grad():
        alone, read_alone = replies(model, asked)
        shared, read_shared = replies(model, asked, chunk=1000)
        pieces, _ = replies(model, asked, chunk=23)
        together, read_together = replies(model, asked, size=8, chunk=1000)
    assert probe(model).in_pieces == (kind != "jamba")  # several tokens behind a cache: its convolutions forget what was before
    assert probe(model).why_not == "" and not keeps_all(growing_cache(model.config))
    assert shared == pieces == together == alone
    assert read_shared < 0.6 * read_alone and (read_together < 0.6 * read_alone or kind == "jamba")


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_prompts_are_read_whole_where_frequencies_follow_their_length(kind, tmp_path, tokenizer):
    """Prompts within and beyond the window; prefixes are not shared and prefill is not chunked, although the engine is set to do both."""
    from lm_eval.api.instance import Instance

    from seal_eval.harness.seal_lm import SealLM

    factors = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "original_max_position_embeddings": 150} if kind == "longrope" else {}
    rope = {"rope_type": kind, "rope_theta": 1e4, "factor": 4.0, **factors}
    tiny_model(rope_parameters=rope, max_position_embeddings=150).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    options = {"until": ["</s>"], "do_sample": False, "max_gen_toks": 8}
    draw = random.Random(0)
    words = [tokenizer.decode([i]) for i in draw.choices(range(300, 1000), k=300)]
    texts = ["".join(words[:n] + draw.choices(words, k=20)) for n in (30, 90, 250) for _ in range(4)]

    def said(**more):
        engine = SealLM(pretrained=str(tmp_path), device="cpu", max_length=1000, prefill_chunk=50, **more)
        read = []
        engine._model.register_forward_pre_hook(lambda _, args, kwargs: read.append(kwargs["input_ids"].shape[1]), with_kwargs=True)
        asked = [Instance("generate_until", {}, (text, dict(options)), 0, metadata=("street", i, 1)) for i, text in enumerate(texts)]
        found = engine.generate_until(asked, disable_tqdm=True)
        return found, sorted(n for n in read if n > 1), engine.unshared

    (replies, read, why), (apart, alone, _) = said(), said(share_prefixes=False)
    assert replies == apart and len(set(replies)) > 3
    assert read == alone and len(read) == len(texts) and read[0] < 150 < read[-1]
    assert kind in why


def test_batches():
    asked = prompts(4)
    alone = [part for part, shared in batches(asked, [0] * 17, 1, True) if shared]
    assert sorted(i for part in alone for i in part) == list(range(17)) and all(len(part) == 1 for part in alone)
    starts = [asked[part[0]][0] for part in alone]
    assert sum(a != b for a, b in pairwise(starts)) == 4  # prompts of a record are consecutive
    plan = batches(asked, [0] * 17, 8, True)
    # equally long questions of a record form pairs; the other questions are prefilled one by one
    assert sorted(len(part) for part, shared in plan if shared) == [1, 1, 1, 2, 2, 2, 2, 2, 3]
    assert sum(len({len(asked[i]) for i in part}) == 1 for part, shared in plan if shared and len(part) == 2) == 4
    assert [part for part, shared in plan if not shared] == [[16]]  # short, and shares no prefix
    assert all(len(part) == 1 for part, shared in batches(asked, range(17), 8, True))  # all generation settings differ
    plan = batches(asked, [0] * 17, 8, False)
    assert [len(part) for part, _ in plan] == [8, 8, 1] and not any(shared for _, shared in plan)
    far = [[*range(5_000), i, *range(5_000)] for i in range(5)]  # three caches of this size fit into a batch, not more
    assert [part for part, _ in batches(far, [0] * 5, 8, True)] == [[0, 1, 2], [3, 4]]
    assert [part for part, _ in batches(far, [0, 1, 1, 1, 0], 8, True)] == [[0], [1, 2, 3], [4]]
    long = [[i, *range(600)] for i in range(3)]
    assert batches(long, [0] * 3, 8, False) == [([0], False), ([1], False), ([2], False)]
    assert in_common([], [1]) == 0 and in_common([1, 2, 3], [1, 2]) == 2 and in_common([1, 2, 3], [1, 4, 3]) == 1


def test_a_prompt_that_begins_otherwise_starts_anew():
    shared = SharedPrefix(tiny_model(), 1000)
    first = shared.begin(torch.arange(100)[None])
    shared.tokens = list(range(100))
    assert shared.begin(torch.tensor([list(range(MIN_SHARED_TOKENS - 1)) + [777] * 50])) is not first and shared.tokens == []


def test_what_is_read_of_prompts_that_share_little_or_much():
    """Less than an eighth in common: prefill from scratch. More: keep the shared part and prefill the rest only."""
    torch.manual_seed(0)
    model, read = tiny_model(max_position_embeddings=4096), []
    shared = SharedPrefix(model, 8192)
    ids = torch.randint(2, 900, (1, 3000))
    other, like = ids.clone(), ids.clone()
    other[0, 300:], like[0, 1000:] = 7, 8
    model.register_forward_pre_hook(lambda _, a, k: read.append(k["input_ids"].shape[1]), with_kwargs=True)
    for prompt in (ids, other, ids, like):
        read.clear()
        cache = shared.begin(prompt)
        told = cache.get_seq_length()
        model(input_ids=prompt[:, told:], past_key_values=cache, use_cache=True)
        shared.end(prompt)
        assert shared.tokens == prompt[0].tolist()
    assert read == [2000]  # `like` shares 1,000 tokens of 3,000; `other` shares only 300, so its prefill starts from scratch
    shared.begin(other)
    assert shared.tokens == []


@pytest.mark.parametrize("once", [True, False])
def test_prompts_in_bf16_are_read_as_products_where_they_are_faster(monkeypatch, once):
    """Before and after a cached beginning; not for a model whose attention cannot be replaced."""
    from seal_eval.models import products

    calls = []
    monkeypatch.setattr(products, "_faster", lambda *_: True)
    monkeypatch.setattr(products, "causal", lambda *a, f=products.causal: (calls.append(a[0].shape[2]), f(*a))[1])
    model = tiny_model().to(torch.bfloat16)
    shared = SharedPrefix(model, 8192, Sharing(once=once))
    record = list(range(5, 505))
    shared.begin(torch.tensor([[*record, 600 + i] for i in range(2)]))  # a batch: the record is read at once
    shared.begin(torch.tensor([[*record, *range(700, 800), 3]]))
    with torch.no_grad(), shared.generating(1):
        model(torch.tensor([[*range(700, 800)]]), past_key_values=shared.cache, use_cache=True)
    assert calls == ([500] * 3 + [100] * 3 if once else [])


def test_growing_layer_holds_what_the_library_layer_holds():
    draw = torch.Generator().manual_seed(0)
    ours, theirs = GrowingLayer(), DynamicLayer()
    for n in (50, 1, 1, 200, 1):
        keys, values = (torch.randn(1, 2, n, 4, generator=draw) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(ours.update(keys, values), theirs.update(keys, values), strict=True))
        for layer in (ours, theirs):
            layer.crop(-3)
    before = ours.keys.clone()
    three = ours.for_batch(3)
    new = torch.randn(3, 2, 1, 4, generator=draw)
    keys, _ = three.update(new, new)
    assert torch.equal(keys[1, :, :-1], before[0]) and torch.equal(keys[:, :, -1], new[:, :, 0]) and torch.equal(ours.keys, before)


def test_who_shares_and_who_says_why_not():
    assert [name for name in method_names() if not get_method(name).shares_prefix] == sorted(WHOLE)
    plain = take_method({})[1]
    assert sharing(tiny_model(), plain) == Sharing(once=True)
    for kind, own in (
        ("dynamic", {}),
        ("longrope", {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "original_max_position_embeddings": 128}),
    ):
        follows = tiny_model(rope_parameters={"rope_type": kind, "rope_theta": 1e4, "factor": 4.0, **own})
        assert sharing(follows, plain).why_not == f"the model's rotary frequencies follow each prompt's length ({kind})"
    assert sharing(tiny_model(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}), plain).why_not == ""
    assert "shares_prefix" in sharing(tiny_model(), take_method({"method": "dynamic_ntk"})[1]).why_not
    both = take_method({"method": "ntk+self_extend", "neighbours": 64} | {"factor": 2.0})
    assert both[1].shares_prefix and both[1].last_together == 1
    warm = take_method({"method": "ntk+dysco", "factor": 2.0, "heads": "h", "warmup": 5})[1]
    assert warm.shares_prefix and sharing(tiny_model(), warm).last == 5
    with_state = take_method({"method": "dynamic_ntk+seal", "adapter": "a"})[1]
    assert not with_state.shares_prefix


def test_snapshots_are_few_and_released():
    """Prompts that part at twelve depths of one text: no more snapshots than SNAPSHOTS at a time, none beyond what is shared."""
    draw = random.Random(0)
    text = draw.choices(range(2, 900), k=240)
    asked = [text[: 239 - 15 * i] + [900 + i] * 8 for i in range(12)]
    shared, held = SharedPrefix(built("gemma3_text"), 1000, Sharing(), asked), []
    for prompt in asked:
        cache = shared.begin(torch.tensor([prompt]))
        told = cache.get_seq_length()
        with torch.no_grad():
            shared.model(input_ids=torch.tensor([prompt[told:]]), past_key_values=cache, use_cache=True)
        shared.end(torch.tensor([prompt]))
        held.append([n for n, _ in shared.snapshots])
        assert held[-1] == sorted(held[-1]) and all(n < len(prompt) for n in held[-1])
    assert held[0] == [239 - 15 * i for i in range(8, 0, -1)] and max(map(len, held)) == SNAPSHOTS
    assert all(a[-1] >= b[-1] for a, b in pairwise(held) if b)  # those that the prompts have left are released
    shared.forget()
    assert not shared.snapshots and shared.cache is None
