"""One cache from prompt to prompt: the same replies as without, and what two prompts begin with is read once."""

import random
from itertools import pairwise

import pytest
import torch
from test_methods import CASES, MADE, made

from seal_eval.methods import method_names, take_method
from seal_eval.sharing import LEAST, SharedPrefix, in_common, order, shares_prefix, why_not

from conftest import tiny_model

KINDS = ("llama", "qwen3", "phi", "gpt_neox")


def prompts(seed=0):
    """Four records of three questions each, and one prompt that begins like none."""
    draw = random.Random(seed)
    tokens = lambda n: [draw.randrange(2, 900) for _ in range(n)]  # noqa: E731
    records = [tokens(60 + 9 * i) for i in range(4)]
    return [record + tokens(5 + question) for question in range(3) for record in records] + [tokens(40)]


def replies(model, asked, cache_of=None):
    """Greedy replies of eight tokens, and how many tokens went through the model."""
    read, out = 0, []

    def count(_module, args, kwargs):
        nonlocal read
        read += (kwargs.get("input_ids") if kwargs.get("input_ids") is not None else args[0]).shape[1]

    handle = model.register_forward_pre_hook(count, with_kwargs=True)
    for ids in asked:
        more = {} if cache_of is None else {"past_key_values": cache_of.begin(ids)}
        context = torch.tensor([ids])
        mask = torch.ones_like(context)
        found = model.generate(context, attention_mask=mask, max_new_tokens=8, do_sample=False, pad_token_id=1, use_cache=True, **more)
        if cache_of is not None:
            cache_of.end(found[0].tolist())
        out.append(found[0, len(ids) :].tolist())
    handle.remove()
    return out, read


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["plain", *CASES, *MADE])
def test_same_replies(kind, name, tmp_path):
    model = tiny_model(kind)
    own = {} if name == "plain" else CASES[name][1] if name in CASES else made(name, kind, 1, tmp_path / "made")
    method = take_method({"method": name, **own})[1]
    if why_not(model, method, 1):
        assert name == "dynamic_ntk"
        return
    asked = prompts()
    with method.apply(model), torch.no_grad():
        alone, read_alone = replies(model, asked)
        index = order(asked)
        shared, read_shared = replies(model, [asked[i] for i in index], SharedPrefix(model))
    assert [shared[index.index(i)] for i in range(len(asked))] == alone
    assert read_shared < 0.55 * read_alone


def test_order_and_what_is_in_common():
    asked = prompts()
    served = [asked[i] for i in order(asked)]
    assert sorted(map(tuple, served)) == sorted(map(tuple, asked))
    starts = [ids[0] for ids in served]
    assert sum(a != b for a, b in pairwise(starts)) == 4  # each record is left once
    assert in_common([], [1]) == 0 and in_common([1, 2, 3], [1, 2]) == 2 and in_common([1, 2, 3], [1, 4, 3]) == 1


def test_a_prompt_that_begins_otherwise_starts_anew():
    shared = SharedPrefix(tiny_model())
    first = shared.begin(list(range(100)))
    shared.tokens = list(range(100))
    assert shared.begin(list(range(LEAST - 1)) + [777] * 50) is not first and shared.tokens == []


def test_who_shares_and_who_says_why_not():
    says = {name: shares_prefix(take_method({"method": name, "adapter": "a", "heads": "h"} if name in MADE else {"method": name})[1])
            for name in method_names()}  # fmt: skip
    assert [name for name, does in says.items() if not does] == ["dynamic_ntk"]
    plain = take_method({})[1]
    assert why_not(tiny_model(), plain, 1) == "" and why_not(tiny_model(), plain, "1") == ""
    assert "batch size is 4" in why_not(tiny_model(), plain, 4)
    assert "let go of keys" in why_not(tiny_model("gemma2"), plain, 1)
    assert "shares_prefix" in why_not(tiny_model(), take_method({"method": "dynamic_ntk"})[1], 1)
    both = take_method({"method": "ntk+self_extend", "neighbours": 64} | {"factor": 2.0})
    assert shares_prefix(both[1])
    with_state = take_method({"method": "dynamic_ntk+seal", "adapter": "a"})[1]
    assert not shares_prefix(with_state)
