"""Special tokens that mark thinking, wherever a tokenizer declares them."""

import copy
from types import SimpleNamespace

from lm_eval.models.api_models import JsonChatStr
from tokenizers import AddedToken

from seal_eval.harness.served import Served
from seal_eval.prompts.special_marks import special_marks, special_tokens

from tokenizers_made import made


def with_tokens(*special):
    own = copy.deepcopy(made("bpe-digits"))
    own.add_tokens([AddedToken(text, special=True, normalized=False) for text in special] + [AddedToken("<plain>", special=False)])
    return own


def texts(tokenizer, docs=()):
    return {tokenizer.convert_ids_to_tokens(i) for i in special_marks(tokenizer, docs)}


def test_known_marks_and_those_of_documents():
    tokenizer = with_tokens("<think>", "</think>", "<muse>", "</muse>", "<image>")
    special = {*special_tokens(tokenizer).values()}
    assert {"<s>", "</s>", "<image>", "<muse>"} <= special and "<plain>" not in special
    assert texts(tokenizer) == texts(tokenizer, [None, {}]) == {"<think>", "</think>"}
    own = {"think_start": "<muse>", "think_end": "</muse>\n<image>"}
    assert texts(tokenizer, [None, own]) == {"<think>", "</think>", "<muse>", "</muse>", "<image>"}


def test_a_server_is_asked_to_keep_them():
    """Both engines look at the same tokens: added ones, and those of the user's own marks."""

    def sent(doc, *special, owner="vllm", chat=False):
        engine = Served.__new__(Served)
        engine.chat, engine.tokenizer, engine.window, engine.told = chat, with_tokens(*special), None, {"owned_by": owner}
        engine.template_args = {}
        engine.tokenized_requests, engine._max_gen_toks, engine._seed, engine.model = True, 9, 1, "m"
        prompt = JsonChatStr('[{"role": "user", "content": "1"}]') if chat else "1"
        request = SimpleNamespace(args=(prompt, {"until": []}), doc=doc, task_name="t", doc_id=0)
        return engine._payload(request)[0].get("skip_special_tokens")

    assert sent({}, "<think>") is False and sent({}, "<think>", owner="other") is None
    assert sent({}, "<think>", chat=True) is False and sent({}, chat=True) is None
    assert sent({}, "<muse>") is None and sent({"think_start": "<muse>", "think_end": "</muse>"}, "<muse>") is False
