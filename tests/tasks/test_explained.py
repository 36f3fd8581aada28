"""A right name followed by an explanation that names others: right, wherever the engine stopped and whether or not the answer was begun."""

from dataclasses import asdict

import pytest

from seal_eval.prompts.prompt import PromptFormat
from seal_eval.prompts.settings import PromptSettings
from seal_eval.tasks import get_task, latent, qa


def others(name, doc):
    if name == "seal_latent":
        return [person for person in latent.facts_of(doc["input"]).owners if person != doc["targets"][0]]
    names = qa.facts_of(doc["input"], tuple(doc["keys"])).owners
    return [other for other in names if qa.is_town(other) == qa.is_town(doc["targets"][0]) and other != doc["targets"][0]]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(("name", "size"), [("seal_qa", 900), ("seal_documents", 10), ("seal_latent", 900)])
def test_explained(tokenizer, name, size, begun):
    """Persons with their first names, titles, and towns."""
    task = get_task(name)
    for sample in task.build(PromptFormat(tokenizer, PromptSettings(answer_prefix=begun)), size, 6, 0):
        doc, opening = asdict(sample), "" if begun else "The answer is"
        right, wrong = sample.answer.rstrip("."), others(name, asdict(sample))[0]
        for reply, value in (
            (f"{right}. The text also names {wrong}.", 1), (f"{right}.\n\nExplanation: {wrong} is another.", 1),
            (f"{right}. {wrong} is another.", 1), (f" {wrong}. The text also names{right}.", 0), (f"{right} or {wrong}.", 0),
        ):  # fmt: skip
            assert task.score(opening + reply, doc).value == value, (opening + reply, sample.targets)
