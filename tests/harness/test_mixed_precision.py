"""The engine with lm-eval's mixed_precision_dtype: autocast gives queries, keys and values several types."""

import pytest
from lm_eval.api.instance import Instance

from seal_eval.harness.dataset import documents
from seal_eval.harness.seal_lm import SealLM


@pytest.mark.parametrize("method", [{}, {"method": "self_extend", "neighbours": 64}])
def test_questions_about_one_record(tiny_folder, method):
    metadata = {"tokenizer": str(tiny_folder), "lengths": [450], "num_samples": 4, "questions_per_record": 4}
    docs = [dict(doc) for doc in documents("seal_lines", **metadata)["test"]]
    options = {"until": [], "do_sample": False, "max_gen_toks": 6}
    asked = [
        Instance("generate_until", doc, (doc["input"] + doc["prefix"], dict(options)), i, metadata=("seal_lines", i, 1))
        for i, doc in enumerate(docs)
    ]
    lm = SealLM(str(tiny_folder), device="cpu", batch_size=4, mixed_precision_dtype="bfloat16", **method)
    assert lm._sharing.once == (not method)
    assert len(lm.generate_until(asked, disable_tqdm=True)) == 4
