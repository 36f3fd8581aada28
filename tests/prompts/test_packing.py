"""Counting and packing: sums of pieces against full prompts, subset sums against brute force, prompt formats against lm-eval."""

from itertools import combinations
from random import Random

import pytest

from seal_eval.core.errors import SealError
from seal_eval.prompts.corpus import prose
from seal_eval.prompts.packing import Packer, best_fit, fit
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings

from tokenizers_made import KINDS, made


def test_best_fit_by_brute_force():
    """Compared with the best of all subsets."""
    for seed in range(200):
        rng = Random(seed)
        costs, room = [rng.randint(1, 30) for _ in range(rng.randint(0, 9))], rng.randint(0, 90)
        best = max(sum(c) for k in range(len(costs) + 1) for c in combinations(costs, k) if sum(c) <= room)
        chosen = best_fit(costs, room)
        assert sum(costs[i] for i in chosen) == best
        assert chosen == sorted(set(chosen))


def test_fit_keeps_the_order_and_the_room():
    rng = Random(0)
    for room in (30, 90, 500, 3000):
        costs = [rng.randint(5, 40) for _ in range(400)]
        chosen = fit(costs, room)
        assert chosen == sorted(set(chosen)) and room - 2 <= sum(costs[i] for i in chosen) <= room
        if room == 3000:
            assert chosen[:60] == list(range(60))  # consecutive text except for the last pieces


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_add_up_where_the_vocabulary_says_so(kind):
    """The sum of the pieces' costs equals the tokens of the full text: sentences joined by spaces, lines without a gap."""
    prompt_format = PromptFormat(made(kind))
    assert prompt_format.apart(" ") is (kind != "superword")
    rng = Random(1)
    sentences = [s for d in prose("eval")[40:43] for s in d.sentences[:60]]
    lines = [f"line calm-otter{i}: REGISTER_CONTENT is <{rng.randint(1, 50000)}>\n" for i in range(100)]
    for gap, pieces, head, tail in ((" ", sentences, "The text:", " (End of the text.)\n\nWhat?"), ("", lines, "Lines.\n\n", "\nNow say.")):
        if not prompt_format.apart(gap):
            continue
        costs = prompt_format.costs(pieces, gap)
        one = prompt_format.count(head + gap + pieces[0] + tail) - costs[0]
        for _ in range(10):
            chosen = rng.sample(range(len(pieces)), rng.randint(1, 60))
            assert prompt_format.count(head + "".join(gap + pieces[c] for c in chosen) + tail) == one + sum(costs[c] for c in chosen)


def test_a_packer_that_does_not_add_up_counts_every_prompt():
    """Costs that do not add up (here: wrong ones) are noticed at the first prompt; every prompt is then tokenised."""
    prompt_format = PromptFormat(made("superword"))
    prompt_format.__dict__["_words_apart"] = True
    packer = Packer(prompt_format, " ", 10, 700)
    pieces = list(prose("eval")[0].sentences[:200])
    costs = [cost + 1 for cost in packer.costs(pieces)]
    filled = packer.fill("The text:", " The end.\n", "It is", pieces, costs, [("The needle is here.", 0.5)])
    assert packer.adds_up is False
    assert filled.n_tokens == prompt_format.count(filled.text, "It is") and 693 < filled.n_tokens + 10 <= 700


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("prefix", ["The number is", ""])
@pytest.mark.parametrize("system", ["", "Be brief."])
def test_rendered_as_lm_eval_renders(kind, chat, prefix, system):
    """Same string and token ids as lm-eval's own task and model classes, except where lm-eval drops the system prompt: an error here."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

    tokenizer = made(kind)
    doc = {"input": "The text: one two.\n\nWhat is the number?\n", "prefix": prefix}
    task = ConfigurableTask(config={
        "task": "t", "custom_dataset": lambda **_: {"test": _dataset([doc])}, "output_type": "generate_until", "test_split": "test",
        "doc_to_text": "input", "doc_to_target": "prefix", "gen_prefix": "prefix", "num_fewshot": 0,
    })  # fmt: skip
    model = object.__new__(HFLM)
    model.tokenizer, model.chat_template_args, model.add_bos_token, model.backend = tokenizer, {}, None, "causal"
    model.custom_prefix_token_id, model.truncation = None, False
    options = {"chat_template": model.apply_chat_template, "apply_chat_template": True} if chat else {}
    theirs = task.fewshot_context(doc, num_fewshot=0, system_instruction=system or None, gen_prefix=prefix, **options)
    prompt_format = PromptFormat(tokenizer, PromptSettings(chat_template=chat, system_instruction=system))
    if system not in theirs:  # lm-eval drops a system prompt that the template refuses
        with pytest.raises(SealError, match="cannot render a system prompt"):
            prompt_format.encode(doc["input"], prefix)
        return
    prompt, encoding = prompt_format.encode(doc["input"], prefix)
    assert prompt == theirs
    assert encoding["input_ids"] == model.tok_encode(theirs) == model.tok_batch_encode([theirs])[0][0].tolist()
    assert prompt_format.count(doc["input"], prefix) == len(encoding["input_ids"])
    assert encoding["input_ids"].count(tokenizer.bos_token_id) <= 1  # BOS is never added twice


def _dataset(rows):
    from datasets import Dataset

    return Dataset.from_list(rows)


def test_unknown_template():
    with pytest.raises(SealError, match="one chat template, without a name; ask for it without the name 'tool_use'"):
        PromptFormat(made("bytes"), PromptSettings(chat_template="tool_use")).render("x")
    bare = made("bpe-digits")
    template, bare.chat_template = bare.chat_template, None
    try:
        with pytest.raises(SealError, match="chat template"):
            PromptFormat(bare, PromptSettings(chat_template=True)).render("x")
    finally:
        bare.chat_template = template


def test_values_that_a_tokenizer_cannot_write():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<unk>": 0, "the": 1, "text": 2}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    prompt_format = PromptFormat(PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>"))
    prompt_format.check_writes(["the text"])
    with pytest.raises(SealError, match=r"cannot write the value '41873' \(it reads back as '<unk>'\)"):
        prompt_format.check_writes(["the", "41873"])
    for kind in KINDS:
        PromptFormat(made(kind)).check_writes(["41873", "brave-lantern", "0b1f7c1e-8a55-4b13-9c3e-2f1a6d0c9e77", "KAOTU"])
