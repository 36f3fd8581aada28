"""Runs `seal-eval` or `lm_eval` with a model that knows every answer: python scripted.py PROGRAM ARGUMENTS.

Only `generate` is replaced: prompts, budgets, stop strings and scores are the product's. Of the documents of a task, two in turn are
answered in one style of replier.py, the second with a wrong value. SAID_FIRST: what every reply begins with; TARGET in it is a right value.
"""

import os
import sys
from importlib.metadata import entry_points
from types import SimpleNamespace

from replier import STYLES

from seal_eval.prompts.invented import FIRST
from seal_eval.prompts.own_questions import OR
from seal_eval.tasks.coreference import replies_in
from seal_eval.tasks.qa import is_town

DOCS = []  # (document, its reply), for all tasks


OTHERS = {"seal_frequent_words": "qwxyzp", "seal_graph": "qwxyzp", "seal_key_value": "3fdb7368-279f-45b1-ab13-a96bfa904449"}


def wrong(doc):
    """The targets with another value in place of the first."""
    first = doc["targets"][0]
    other = {"seal_common_words": "zebra", "seal_variable_tracking": "QWXYZ", "seal_longeval_topics": "the taste of tea", **OTHERS}.get(
        doc["task"]
    )
    if other is None and doc["task"].startswith(("seal_qa", "seal_documents")):
        other = "Zoriwick" if is_town(first) else "Zoriquist"
    if other is None and doc["task"] == "seal_coreference":
        other = next(reply for same in replies_in(doc["input"]).values() for reply in same if reply != first)
    if other is None and doc["task"] == "seal_latent":
        other = next(name for name in FIRST if name not in doc["input"])
    if other is None:
        other = first[:-1] + ("3" if first[-1] != "3" else "4") if first[0].isdigit() else "quick-lamp"
    return [other, *doc["targets"][1:]]


def remember(documents):
    def recorded(task, **metadata):
        built = documents(task, **metadata)
        names = list(STYLES)
        for i, doc in enumerate(built["test"]):
            style = STYLES[names[i // 2 % len(names)]]
            reply = style([target.split(OR)[0] for target in (wrong(doc) if i % 2 else doc["targets"])], doc)
            DOCS.append((dict(doc), os.environ.get("SAID_FIRST", "").replace("TARGET", doc["targets"][0]) + reply))
        return built

    return recorded


def generate(self, input_ids=None, max_length=None, stopping_criteria=(), pad_token_id=None, **_):
    """Write each row's reply token by token, until the stopping criteria or the budget end it."""
    import torch

    tokenizer, eos = REPLIER.tokenizer, REPLIER.tokenizer.eos_token_id
    prompts = [tokenizer.decode(row) for row in input_ids.tolist()]
    replies = [next(reply for doc, reply in reversed(DOCS) if doc["input"] in prompt) for prompt in prompts]
    rows = [[*tokenizer(reply, add_special_tokens=False)["input_ids"], eos] for reply in replies]
    out, done = input_ids, torch.zeros(len(rows), dtype=torch.bool)
    for step in range(max_length - input_ids.shape[1]):
        column = [pad_token_id if done[i] or step >= len(row) else row[step] for i, row in enumerate(rows)]
        out = torch.cat([out, torch.tensor(column)[:, None]], dim=1)
        for criterion in stopping_criteria:
            done = done | torch.as_tensor(criterion(out, None))
        done = done | torch.tensor([step + 1 >= len(row) for row in rows])
        if done.all():
            break
    return out


REPLIER = SimpleNamespace(tokenizer=None)

if __name__ == "__main__":
    import lm_eval.models.huggingface as engine
    import transformers

    import seal_eval.harness.dataset as dataset

    dataset.documents = remember(dataset.documents)
    transformers.GenerationMixin.generate = generate
    load = engine.HFLM.__init__

    def with_tokenizer(self, *args, **kwargs):
        load(self, *args, **kwargs)
        REPLIER.tokenizer = self.tokenizer

    engine.HFLM.__init__ = with_tokenizer
    sys.argv = sys.argv[1:]
    (program,) = entry_points(group="console_scripts", name=sys.argv[0])
    sys.exit(program.load()())
