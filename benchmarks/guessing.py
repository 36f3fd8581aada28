"""What guessing scores: a replier that names values of the text at random, as many as are asked for, on every task.

python benchmarks/guessing.py > docs/guessing.txt   (a minute on two cores)
"""

import random
import re
from typing import Any

from seal_eval.core.errors import SealError
from seal_eval.models.hub import resolve
from seal_eval.models.loading import load_tokenizer
from seal_eval.prompts.invented import FIRST
from seal_eval.prompts.prompt import PromptFormat
from seal_eval.tasks import get_task, ruler_tasks, tasks
from seal_eval.tasks.coreference import replies_in
from seal_eval.tasks.longeval import topics_of
from seal_eval.tasks.qa import NAME, is_town

N = 400  # samples of a task and size
NUMBERS, WORDS = r"\b\d{7}\b", r"\d+\. (\w+)"
PATTERNS = {
    "lines": r"<(\d{4,5})>", "needle": NUMBERS, "passkey": NUMBERS, "niah": r"\b\d{7}\b|[0-9a-f]{8}-[0-9a-f-]{27}",
    "variable_tracking": r"VAR ([A-Z]{5})\b", "vt": r"VAR ([A-Z]{5})\b", "common_words": WORDS, "cwe": WORDS,
    "key_value": r'": "([0-9a-f-]{36})"', "frequent_words": r"\b[a-z]{6}\b(?= )", "fwe": r"\b[a-z]{6}\b(?= )",
    "graph": r"\b[a-z]{6}\b(?= ->|\n)",
}  # fmt: skip


def candidates(doc: dict[str, Any]) -> list[str]:
    """The distinct values of a document's text that could be its answer, in order."""
    text, name = doc["input"], doc["task"]
    if "qa" in name or "documents" in name:  # a guesser that has read the question knows whether a town or a person is asked for
        found = [word for word in NAME.findall(text) if is_town(word) == is_town(doc["targets"][0]) and word not in doc["keys"][0]]
    elif "coreference" in name:  # one that knows the kind and the topic
        kind, topic = re.findall(r"(\w+) about the (\w+) in our conversation", text)[-1]
        replies = [reply for same in replies_in(text).values() for reply in same]
        found = [reply for reply in replies if f"Write a {kind} about the {topic}." in text[: text.index(reply)][-120:]]
    elif "latent" in name:
        found = [first for first in FIRST if re.search(rf"\b{first}\b", text)]
    elif "topics" in name:
        found = list(topics_of(text))
    else:
        key = next(key for key in PATTERNS if key in name)
        found = re.findall(PATTERNS[key], text)
    return list(dict.fromkeys(found))


def main() -> None:
    """Print, for each task and size, the accuracy of the guesser and among how many values it chooses."""
    prompt_format = PromptFormat(load_tokenizer(resolve("smollm2-135m-instruct")))
    print(f"accuracy of a replier that names values of the text at random; n = {N}")
    print(f"{'task':28}{'size':>8}{'values':>10}{'right':>9}")
    for name in [*tasks(), *ruler_tasks()]:
        task = get_task(name)
        if name == "seal_own":  # no list says what else could be an answer
            continue
        for size in (1024, 4096) if task.unit == "tokens" else (task.sizes[0],):
            rng = random.Random(0)
            try:
                docs = [vars(sample) for sample in task.build(prompt_format, size, N, 0)]
            except SealError as error:
                print(f"{name:28}{size:>8,}  {error}")
                continue
            values = [candidates(doc) for doc in docs]
            guesses = [rng.sample(found, min(len(doc["targets"]), len(found))) for doc, found in zip(docs, values, strict=True)]
            right = sum(task.score(", ".join(guess), doc).value or 0 for guess, doc in zip(guesses, docs, strict=True))
            print(f"{name:28}{size:>8,}{sum(map(len, values)) / N:>10.1f}{right / N:>9.1%}", flush=True)


if __name__ == "__main__":
    main()
