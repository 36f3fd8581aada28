"""Prompts share their beginning under an adapter that PEFT wraps around the model, too."""

import inspect

from lm_eval.api.instance import Instance

from seal_eval.harness.seal_lm import SealLM
from seal_eval.models.caches import takes


def asked():
    options = {"until": [], "do_sample": False, "max_gen_toks": 6}
    text = "A long street of many houses. " * 60
    return [Instance("generate_until", {}, (f"{text}The number of house {i} is", options), 0, metadata=("street", i, 1)) for i in range(4)]


def test_shared_and_not_shared_reply_alike(tiny_folder, adapter):
    alone = SealLM(pretrained=str(tiny_folder), peft=str(adapter), device="cpu", share_prefixes=False)
    shared = SealLM(pretrained=str(tiny_folder), peft=str(adapter), device="cpu")
    assert shared.unshared == "" and {"past_key_values", "position_ids"} <= {*takes(shared._model)}
    read, forward = [], shared._model.get_base_model().forward

    def counted(*args, **kwargs):
        read.append(kwargs["input_ids"].shape[1] if kwargs.get("input_ids") is not None else args[0].shape[1])
        return forward(*args, **kwargs)

    counted.__signature__ = inspect.signature(forward)
    shared._model.get_base_model().forward = counted
    prompts = sum(len(shared.tok_encode(request.args[0])) for request in asked())
    assert shared.generate_until(asked(), disable_tqdm=True) == alone.generate_until(asked(), disable_tqdm=True)
    assert sum(read) < prompts / 2
