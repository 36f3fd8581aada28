"""Tokenizers that begin every text with tokens of their own: a chat template that writes them too does not double them."""

import pytest
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from seal_eval.harness.seal_lm import SealLM
from seal_eval.harness.served import Served
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.beginning import added_before, begun_already
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings

from conftest import tiny_model

BODY = "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] }}{% endfor %}<|assistant|>"


def glm_like(tokenizer_file, before=("[gMASK]", "<sop>"), written="[gMASK]<sop>", **roles):
    made = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), eos_token="</s>", pad_token="</s>", **roles)
    made.add_special_tokens({"extra_special_tokens": ["[gMASK]", "<sop>", "<extra>"]})
    single = " ".join([*before, "$A"])
    ids = [(token, made.convert_tokens_to_ids(token)) for token in before]
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ids)
    made.chat_template = written + BODY
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer_file):
    place = tmp_path_factory.mktemp("glm") / "m"
    tiny_model(vocab_size=1010).save_pretrained(place)
    glm_like(tokenizer_file).save_pretrained(place)
    return place


def test_one_beginning_in_counts_and_in_both_engines(folder):
    tokenizer = load_tokenizer(str(folder))
    before = tokenizer.convert_tokens_to_ids(["[gMASK]", "<sop>"])
    assert added_before(tokenizer) == before
    engine, served = SealLM(pretrained=str(folder), device="cpu"), Served.__new__(Served)
    served.tokenizer = tokenizer
    for chat in (True, False):
        prompts = PromptFormat(tokenizer, PromptSettings(chat_template=chat))
        text, encoding = prompts.encode("What is 7?")
        ids = list(encoding["input_ids"])
        assert ids[:2] == before and ids.count(before[0]) == 1 and prompts.count("What is 7?") == len(ids)
        assert engine.tok_encode(text) == served.tok_encode(text) == ids
        assert engine.tok_batch_encode([text, text])[0].tolist() == [ids, ids]
        assert engine.add_bos_token is None


@pytest.mark.parametrize(
    ("before", "roles", "prompt", "begun"),
    [
        (("[gMASK]", "<sop>"), {}, "[gMASK] <sop> <|user|>", False),  # another text: white space stands between
        (("[gMASK]", "<sop>"), {}, "[gMASK]<extra>", False),
        ((), {}, "[gMASK]<sop>", False),
        (("<s>",), {"bos_token": "<s>"}, "<s>a", True),
        (("<s>",), {"bos_token": "<s>"}, "a<s>", False),
        (("<s>", "<extra>"), {"bos_token": "<s>"}, "<s>a", True),  # as lm-eval
        (("<extra>",), {"bos_token": "<s>"}, "<extra>a", True),
    ],
)
def test_when_a_prompt_has_begun(tokenizer_file, before, roles, prompt, begun):
    assert begun_already(glm_like(tokenizer_file, before, **roles), prompt) is begun


def test_what_stands_behind_is_no_beginning(tokenizer_file):
    tokenizer = glm_like(tokenizer_file, ())
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.eos_token_id)]
    )
    assert added_before(tokenizer) == []
