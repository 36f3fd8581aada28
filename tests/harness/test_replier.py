"""A model that knows every answer scores 1 on every task in every style, under our engine and stock lm-eval; one that is wrong scores 0."""

import json
import os
import subprocess

import pytest
from replier import STYLES

from seal_eval.tasks import task_names

from conftest import program, tiny_model

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def replier_model(out, template, added=(), special=False):
    """Save a tiny model whose tokenizer needs about as many tokens for a reply as those of language models do; `added`: more tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from seal_eval.prompts.corpus import prose, words

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=6000 - len(added), special_tokens=["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    doc = {
        "task": "seal_needle",
        "keys": ["old-tower"],
        "input": "What is the special number of the old-tower? Answer with the number only.",
    }
    styles = [style(["1234567"], doc) for style in STYLES.values()] * 20
    nouns = [" " + word for part in words("eval") for word in part]
    tokenizer.train_from_iterator([*(s for d in prose("tune")[:6] for s in d.sentences), *styles, *nouns, *nouns], trainer)
    tiny_model(vocab_size=6000, max_position_embeddings=8192).save_pretrained(out)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.add_tokens([AddedToken(token, special=special, normalized=False) for token in added])
    fast.chat_template = template
    fast.save_pretrained(out)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return replier_model(tmp_path_factory.mktemp("models") / "replier", CHATML)


def scripted(*args, first="", code=0):
    """Run scripted.py; returns the finished process."""
    done = subprocess.run(
        [program("scripted"), *map(str, args)], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SAID_FIRST": first},
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-3000:]
    return done


def sampled(out):
    """Rows of all sample files."""
    return [json.loads(line) for file in out.rglob("samples_*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]


# two differ from the first in prompt and budget only, so they run nightly; the other four in nothing that engine or lm-eval reads
@pytest.mark.parametrize(
    ("engine", "template", "begun"),
    [
        ("seal", True, True),
        ("hf", False, True),
        *(pytest.param("seal", *other, marks=pytest.mark.nightly) for other in ((False, True), (True, False))),
    ],
)
def test_every_style_on_every_task(tmp_path, folder, engine, template, begun):
    command = ["seal-eval", "run", "--model", "seal"] if engine == "seal" else ["lm_eval", "--model", "hf", "--log_samples"]
    sizes = {"lengths": [800], "lines": [20], "topics": [2], "documents": [5]}
    metadata = json.dumps(sizes | {"num_samples": 2 * len(STYLES), "answer_prefix": begun})
    scripted(
        # the script reads no prompt, so the engine need not read shared beginnings into its cache
        *command, "--model_args", f"pretrained={folder}{',share_prefixes=False' * (engine == 'seal')}", "--tasks", ",".join(task_names()),
        "--metadata", metadata,
        *["--apply_chat_template"] * template, "--output_path", tmp_path / "out", "--device", "cpu", "--batch_size", "4",
    )  # fmt: skip
    rows = sampled(tmp_path / "out")
    assert len(rows) == 2 * len(STYLES) * len(task_names())
    names = list(STYLES)
    bad = [
        (row["doc"]["task"], names[row["doc_id"] // 2], "wrong" if row["doc_id"] % 2 else "right", row["filtered_resps"][0], row["target"])
        for row in rows
        if row["acc"] != float(row["doc_id"] % 2 == 0)
    ]
    assert not bad, f"{len(bad)} of {len(rows)}: " + "\n".join(map(str, bad[:20]))
