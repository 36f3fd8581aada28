"""Train two small transformers with rotary embeddings that retrieve lines. Tests use them to see real effects in seconds.

    python tests/witness/train.py tests/witness        # writes reader/ and habits/, in ten minutes on one core

The reader answers `seal_lines` within a window of 256 tokens. Its vocabulary is the task's: each fixed phrase, adjective and noun is a
token, and numbers are split into groups of at most three digits. Embeddings are random and frozen; it learns to compare and to copy.

Three things let it learn in minutes. The first layer's heads start by attending one, two and three tokens back (a constant direction in
all embeddings gives them queries and keys that depend on position alone), with an auxiliary loss at first. The second layer's heads start
by comparing these tokens. Records grow from a few lines to the whole window as answers become right. The second model is trained on from
the reader, with some answers replaced by numbers that do not depend on the record. Retrieval then competes with habits: SEAL's case.
"""

import argparse
import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from seal_eval.prompts.corpus import words
from seal_eval.tasks.lines import PHRASINGS

HEADER, LINE, QUESTION, PREFIX, END = PHRASINGS[0]
WINDOW = 256
HIDDEN, LAYERS, HEADS, HEAD_DIM, BASE = 128, 3, 4, 64, 500.0
BACK = (1, 2, 3)  # tokens back, one head of the first layer for each
BATCH_TOKENS = 1200
MOST = (WINDOW - 12 - 14) // 9  # lines in the longest record
ANSWER = 4  # tokens of an answer such as "12345>\n"
DIGITS = [f"{n:0{width}d}" for width in (1, 2, 3) for n in range(10**width)]
HABITS = ("12345", "23456", "34567", "45678", "20202", "30303", "40404", "31415")
EOS = "</s>"


def phrases() -> list[str]:
    """Return the fixed texts of the task, longest first."""
    found = {part for text in (HEADER, LINE, QUESTION, PREFIX) for key in text.split("{key}") for part in key.split("{value}")}
    found.discard(">\n")
    return sorted({*found, "-", ">", "\n"} - {""}, key=lambda phrase: (-len(phrase), phrase))


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token per phrase, word and group of digits; anything else is unknown."""
    escaped = ["".join("\\" + c if c in r"<>?:.-()[]{}|*+^$\\" else c for c in phrase) for phrase in phrases()]
    adjectives, nouns = words("tune")[0], [*words("tune")[1], *words("eval")[1]]
    vocabulary = list(dict.fromkeys(["<unk>", EOS, *phrases(), *DIGITS, *adjectives, *nouns]))
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("|".join([*escaped, r"\d{1,3}", "[a-z]+", "[^a-z0-9]"])), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS, pad_token=EOS, unk_token="<unk>")


class Records:
    """Draws batches of token ids: records with several questions each."""

    def __init__(self, tokenizer: Any, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)
        ids = lambda items: torch.tensor(tokenizer.convert_tokens_to_ids(list(items)))  # noqa: E731
        self.adjectives, self.nouns = ids(words("tune")[0]), ids([*words("tune")[1], *words("eval")[1]])
        self.first = ids(f"{n:03d}" for n in range(100, 1000))
        self.rest = ids([f"{n:02d}" for n in range(100)] + [str(n) for n in range(10)])
        self.digits = ids(DIGITS)
        self.habits = {"first": ids(h[:3] for h in HABITS), "rest": ids(h[3:] for h in HABITS)}
        self.header = ids([HEADER])
        self.line = self._parts(tokenizer, LINE)
        self.question = self._parts(tokenizer, QUESTION + PREFIX) + self._parts(tokenizer, f"{{value}}{END}\n")

    def batch(self, lines: int, habit: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (ids [batch, n_tokens], mask [n_tokens] of the answers' tokens) for records of `lines` lines.

        `habit`: share of answers that are replaced by one of HABITS, whatever the record says.
        """
        asked = max(1, min(lines, (WINDOW - 12 - 9 * lines) // 14, 12))
        b = max(8, BATCH_TOKENS // (9 * lines + 14 * asked))
        pick = lambda of: of[torch.randint(len(of), (b, lines), generator=self.random)]  # noqa: E731
        facts = {"adjective": pick(self.adjectives), "noun": self._orders(self.nouns, b)[:, :lines]}
        facts |= {"first": pick(self.first), "rest": pick(self.rest)}
        which = self._orders(torch.arange(lines), b)[:, :asked]
        about = {name: fact.gather(1, which) for name, fact in facts.items()}
        other = torch.rand(b, asked, generator=self.random) < habit
        said = torch.randint(len(HABITS), (b, asked), generator=self.random)
        about |= {name: torch.where(other, self.habits[name][said], about[name]) for name in self.habits}
        record, questions = self._fill(self.line, facts), self._fill(self.question, about)
        answers = torch.zeros(asked, len(self.question), dtype=torch.bool)
        answers[:, -ANSWER:] = True
        ids = torch.cat([self.header.expand(b, 1), record.flatten(1), questions.flatten(1)], 1)
        return ids, torch.cat([torch.zeros(1 + record[0].numel(), dtype=torch.bool), answers.flatten()])

    def _orders(self, of: torch.Tensor, rows: int) -> torch.Tensor:
        """Return [rows, n]: the items in a random order for each row."""
        return torch.stack([of[torch.randperm(len(of), generator=self.random)] for _ in range(rows)])

    @staticmethod
    def _parts(tokenizer: Any, text: str) -> list[Any]:
        """Return the text's token ids, and between them the names of the fields to fill in."""
        parts: list[Any] = []
        for i, piece in enumerate(text.split("{key}")):
            parts += [] if i == 0 else ["adjective", *tokenizer("-")["input_ids"], "noun"]
            for j, fixed in enumerate(piece.split("{value}")):
                parts += ([] if j == 0 else ["first", "rest"]) + (tokenizer(fixed)["input_ids"] if fixed else [])
        return parts

    @staticmethod
    def _fill(parts: list[Any], facts: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return ids [batch, lines, n_tokens]: the parts with their fields filled in from `facts` (name → [batch, lines])."""
        like = facts["noun"]
        return torch.stack([facts[p] if isinstance(p, str) else torch.full_like(like, p) for p in parts], -1)


def make_model(vocabulary: int) -> LlamaForCausalLM:
    """Return the untrained model, with random frozen embeddings and the initial heads of `look_back` and `compare`."""
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=HIDDEN, intermediate_size=2 * HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, head_dim=HEAD_DIM, max_position_embeddings=WINDOW, tie_word_embeddings=True, initializer_range=0.04,
        rope_parameters={"rope_type": "default", "rope_theta": BASE}, bos_token_id=None, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        embeddings = model.model.embed_tokens.weight.normal_(0, HIDDEN**-0.5)
        embeddings[:, 0] += 1  # the constant direction
        look_back(model.model.layers[0].self_attn)
        compare(model.model.layers[1].self_attn, model.model.layers[0].self_attn)
    embeddings.requires_grad_(False)
    return model


def look_back(attention: Any) -> None:
    """Make heads 0, 1, 2 attend BACK tokens back: their keys are rotated forward by that much, so that the scores peak there."""
    half = HEAD_DIM // 2
    frequencies = BASE ** (-torch.arange(half) / half)
    sharp = 5.0 * (frequencies > 0.02) / (HIDDEN / 2) ** 0.5
    for head, back in enumerate(BACK):
        low = head * HEAD_DIM
        for projection, turned in ((attention.q_proj, 0), (attention.k_proj, back)):
            projection.weight[low : low + HEAD_DIM] = 0
            projection.weight[low : low + half, 0] = sharp * (turned * frequencies).cos()
            projection.weight[low + half : low + HEAD_DIM, 0] = sharp * (turned * frequencies).sin()


def compare(attention: Any, below: Any) -> None:
    """Make head 0 compare the token 1 before the query with the one 2 before the key, and head 1 those 2 and 3 before."""
    heads = [slice(head * HEAD_DIM, (head + 1) * HEAD_DIM) for head in range(len(BACK))]
    for later in heads[1:]:
        below.v_proj.weight[later] = below.v_proj.weight[heads[0]]
    for head in range(2):
        attention.q_proj.weight[heads[head]] = 3 * below.o_proj.weight[:, heads[head]].T
        attention.k_proj.weight[heads[head]] = 3 * below.o_proj.weight[:, heads[head + 1]].T


class LooksBack(nn.Module):
    """Auxiliary loss of the first layer: linear probes must find the tokens 1, 2 and 3 back in its output."""

    def __init__(self, model: Any, seed: int) -> None:
        super().__init__()
        self.probes = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN, bias=False) for _ in BACK)
        self.embeddings, self.random = model.model.embed_tokens.weight, torch.Generator().manual_seed(seed)
        self.handle = model.model.layers[0].register_forward_hook(lambda _, __, out: setattr(self, "seen", out))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        b, n = ids.shape
        row, at = torch.randint(b, (64,), generator=self.random), torch.randint(max(BACK), n, (64,), generator=self.random)
        x = F.rms_norm(self.seen[row, at], (HIDDEN,))
        losses = [F.cross_entropy(p(x) @ self.embeddings.T, ids[row, at - back]) for p, back in zip(self.probes, BACK, strict=True)]
        return torch.stack(losses).mean()


@dataclass
class Stage:
    """`steps` of AdamW; the learning rate rises to `rate` over 100 steps and falls linearly to 1 % of it. `habit`: see Records.batch."""

    steps: int
    rate: float
    lines: int  # in the longest record at the start
    habit: float = 0.0
    auxiliary: int = 0  # steps with the auxiliary loss, whose weight falls to 0


def train(model: Any, records: Records, stage: Stage, seed: int) -> None:
    """Minimise the cross-entropy of the answers' tokens; print the progress every 100 steps."""
    looks_back = LooksBack(model, seed)
    learned = [*(p for p in model.parameters() if p.requires_grad), *looks_back.probes.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.01)
    lines, right, began = stage.lines, 0.0, time.perf_counter()
    for step in range(stage.steps):
        for group in optimizer.param_groups:
            group["lr"] = stage.rate * min(1, step / 100) * max(0.01, 1 - step / stage.steps)
        ids, answers = records.batch(int(torch.randint(2, lines + 1, (1,), generator=records.random)), stage.habit)
        hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1][:, answers[1:]]
        logits, expected = hidden @ model.lm_head.weight.T, ids[:, answers]
        loss = F.cross_entropy(logits.flatten(0, 1), expected.flatten())
        if step < stage.auxiliary:
            loss = loss + (1 - step / stage.auxiliary) * looks_back(ids)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        right += 0.05 * ((logits.argmax(-1) == expected)[torch.isin(expected, records.digits)].float().mean().item() - right)
        if right > 0.8 and lines < MOST:
            lines, right = min(MOST, lines + (1 if lines < 6 else 3)), 0.85 * right
        if step % 100 == 0:
            took = time.perf_counter() - began
            print(f"step {step}: loss {loss.item():.3f}, numbers right {right:.2f}, up to {lines} lines, {took:.0f} s", flush=True)
    looks_back.handle.remove()


# habits is trained on from the reader, with random answers replaced by habits
STAGES = {
    "reader": Stage(steps=2600, rate=2e-3, lines=4, auxiliary=500),
    "habits": Stage(steps=500, rate=1e-3, lines=MOST, habit=0.4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(asked.seed)
    tokenizer = make_tokenizer()
    model, records = make_model(len(tokenizer)), Records(tokenizer, asked.seed)
    for name, stage in STAGES.items():
        train(model, records, stage, asked.seed)
        copy.deepcopy(model).to(torch.bfloat16).save_pretrained(asked.out / name)
        tokenizer.save_pretrained(asked.out / name)


if __name__ == "__main__":
    main()
