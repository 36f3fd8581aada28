"""Haystacks: sentences to hide a needle among, with the number of tokens of each."""

import hashlib
import os
import random
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from seal_eval.core.content import in_sight
from seal_eval.core.errors import SealError, first_line
from seal_eval.core.folders import cache
from seal_eval.core.names import first_of
from seal_eval.core.streams import warn
from seal_eval.prompts.corpus import Document, Split, prose, sentences, split_of
from seal_eval.prompts.packing import SPARE_PIECES
from seal_eval.prompts.prompt import PromptFormat

# setting of a task with a haystack → the values that do not name the user's own files (a folder or datasets:ID does)
HAYSTACK_FILES = {"haystack": ("prose", "noise", "needles")}
TEXT_FILES = ("*.[tT][xX][tT]",)  # Windows writes .TXT, too
FORMATTED = ("%PDF-", "{\\rtf")  # how files begin that are no plain text, even where they are ASCII
HAYSTACK_READ = {"haystack": TEXT_FILES}
# the repeated noise of Mohtashami & Jaggi 2023 and of RULER
NOISE = ("The grass is green.", "The sky is blue.", "The sun is yellow.", "Here we go.", "There and back again.")
SENTENCES_PER_PIECE = 200  # a user's text is divided between tuning and evaluation in pieces of this size


def refuse_needles(name: str, haystack: str) -> None:
    """Raise SealError when a task that has no needles of one form is to fill its text with them."""
    if haystack == "needles":
        raise SealError(f"{name}: haystack 'needles' is for seal_needle; choose noise, prose, a folder of .txt files or datasets:ID")


@dataclass(frozen=True)
class Haystack:
    """Texts joined end to end, with the cost of each sentence in tokens. Each sample starts at its own random place."""

    ids: tuple[str, ...]  # of the texts
    firsts: tuple[int, ...]  # index of each text's first sentence
    sentences: tuple[str, ...]
    costs: Any  # [n_sentences], tokens

    def from_text(self, i: int, rng: random.Random, tokens: int) -> tuple[str, list[str], Any]:
        """(id of the i-th text, consecutive sentences from a random place in its first half, their costs [n_sentences]).

        Enough sentences for `tokens` plus spare ones for the packer. They run on into the next texts and from the last text to the first,
        but no sentence is used twice.
        """
        t = i % len(self.ids)
        end = self.firsts[t + 1] if t + 1 < len(self.firsts) else len(self.sentences)
        first = self.firsts[t] + rng.randrange(max((end - self.firsts[t]) // 2, 1))
        spare = (2 if tokens > 2000 else 6) * SPARE_PIECES
        last = int(np.searchsorted(self._reach, self._reach[first] + tokens)) + spare
        n = min(last - first + (tokens if last > len(self.sentences) else 0), len(self.sentences))
        order = np.arange(first, first + n) % len(self.sentences)
        return self.ids[t], [self.sentences[j] for j in order], self.costs[order]

    @cached_property
    def _reach(self) -> Any:
        return np.cumsum(self.costs)


def sentences_from(
    source: str, split: Split, prompt_format: PromptFormat, i: int, rng: random.Random, tokens: int
) -> tuple[str | None, list[str], Any]:
    """(id of the text or None for noise, enough sentences for `tokens`, their costs) for sample i.

    source: 'noise' or a source of `haystack`.
    """
    if source == "noise":
        return None, *noise(prompt_format, tokens)
    return haystack(source, split, prompt_format).from_text(i, rng, tokens)


def noise(prompt_format: PromptFormat, length: int) -> tuple[list[str], list[int]]:
    """The five noise sentences repeated, enough for `length` tokens, and their costs."""
    costs = prompt_format.costs(NOISE, " ")
    times = length // sum(costs) + 10
    return list(NOISE) * times, costs * times


@lru_cache(maxsize=4)
def haystack(source: str, split: Split, prompt_format: PromptFormat) -> Haystack:
    """The haystack of a source: 'prose' (the presidential addresses), a folder of .txt files, or 'datasets:ID' with a column `text`.

    The sentences' costs are cached on disk, per tokenizer and text; templates and system prompts do not matter. Raises SealError for a
    source that cannot be read or has no text for `split`.
    """
    texts = _texts(source, split, prompt_format.control_tokens)
    lines = tuple(s for d in texts for s in d.sentences)
    firsts, n = [], 0
    for d in texts:
        firsts.append(n)
        n += len(d.sentences)
    return Haystack(tuple(d.id for d in texts), tuple(firsts), lines, _costs(lines, prompt_format))


def _costs(lines: tuple[str, ...], prompt_format: PromptFormat) -> Any:
    key = hashlib.sha256("\n".join((prompt_format.rules, *lines)).encode()).hexdigest()
    file = cache() / "haystacks" / f"{key[:32]}.npy"
    if file.is_file():
        try:
            costs = np.load(file)
            if costs.shape == (len(lines),):
                return costs
        except (OSError, ValueError):  # damaged: count again
            pass
    costs = np.asarray(prompt_format.costs(lines, " "), dtype=np.int64)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".{file.name}.{os.getpid()}.npy")
    np.save(scratch, costs)
    scratch.replace(file)
    return costs


def _texts(source: str, split: Split, control_tokens: frozenset[str]) -> tuple[Document, ...]:
    if source == "prose":
        return prose(split)
    if not source.strip():  # as a path it would be the folder that the command runs in
        raise SealError("haystack is empty; choose prose, noise, needles, a folder of .txt files, or datasets:ID")
    texts = _dataset(source.removeprefix("datasets:")) if source.startswith("datasets:") else read_folder(Path(source))
    pieces = []
    for name, text in texts:
        if token := control_token_in(text, control_tokens):
            raise SealError(
                f"haystack {source}, {name}: the text holds {token!r}, which the tokenizer reads as a control token; remove it there"
            )
        lines = sentences(text)
        for k in range(0, len(lines), SENTENCES_PER_PIECE):
            if split_of(f"{name}#{k // SENTENCES_PER_PIECE}") == split:
                pieces.append(Document(f"{name}#{k // SENTENCES_PER_PIECE}", lines[k : k + SENTENCES_PER_PIECE]))
    if not pieces:
        raise SealError(
            f"haystack {source} holds no text for {split}: {sum(len(t) for _, t in texts)} characters in {len(texts)} texts; add text"
        )
    return tuple(pieces)


def control_token_in(text: str, control_tokens: Collection[str]) -> str:
    """Return a control token that a text holds, which would be read as a turn or as an end; '' when it holds none."""
    return next((token for token in sorted(control_tokens) if token in text), "")


def read_folder(folder: Path, setting: str = "haystack") -> list[tuple[str, str]]:
    """Return (name, text without a byte order mark) of the .txt files below a folder. setting: what names the folder, for errors.

    Other files are named on stderr. Raises SealError for no folder, no text, a link to a folder, which is not followed, a file that cannot
    be read, and one that holds no plain UTF-8 text.
    """
    if not folder.is_dir():
        instead = {"haystack": "choose prose, noise, needles, a folder of .txt files, or datasets:ID"}
        raise SealError(f"{setting} '{folder}' is no folder; {instead.get(setting, 'name one of .txt files')}")
    # hidden ones, such as macOS's ._ files, do not count in the folder's fingerprint either
    files = [file for file in sorted(folder.rglob("*")) if in_sight(file.relative_to(folder))]
    if link := next((file for file in files if file.is_symlink() and file.is_dir()), None):
        raise SealError(f"{setting} folder {folder}: {link} is a link to a folder, whose files are not read; copy them there, or remove it")
    files = [file for file in files if not file.is_dir()]
    named = [file for file in files if any(map(file.match, TEXT_FILES))]
    texts = [(str(file.relative_to(folder)), _plain(file, setting)) for file in named]
    if not any(text.strip() for _, text in texts):
        found = f"{len(texts)} .txt files, all empty" if texts else "0 .txt files, and only names that end so count"
        raise SealError(f"{setting} folder {folder} holds no text: {found}; put prose into it")
    if others := tuple(str(file.relative_to(folder)) for file in files if file not in named):
        _tell_unread(f"{setting}={folder}", others)
    return texts


def _plain(file: Path, setting: str) -> str:
    """The text of a file. Raises SealError for one that cannot be read, or holds something else than plain UTF-8 text."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SealError(f"{setting} file {file} is not UTF-8 (byte {error.start}); convert it") from error
    except OSError as error:
        raise SealError(f"{setting} file {file} cannot be read ({error.strerror or error}); mend or remove it") from error
    if text.startswith(FORMATTED) or "\0" in text:  # zero bytes: UTF-16 without its mark, or no text at all
        raise SealError(f"{setting} file {file} is no plain UTF-8 text, whatever its name; save the text itself in it")
    return text


@lru_cache(maxsize=8)  # once per run, not once per size
def _tell_unread(folder: str, others: tuple[str, ...]) -> None:
    """Say on stderr which files of a folder are not read: a user may think that a PDF is."""
    warn(f"{folder}: {first_of(others, 3)} not read; only .txt files are")


def _dataset(name: str) -> list[tuple[str, str]]:
    from datasets import load_dataset

    try:
        rows = load_dataset(name, split="train")
    except Exception as error:  # whatever the hub or the loader raises
        raise SealError(f"haystack dataset '{name}' could not be loaded: {first_line(error)}") from error
    if "text" not in rows.column_names:
        raise SealError(f"haystack dataset '{name}' has no column 'text', only {', '.join(rows.column_names)}")
    return [(f"{name}/{i}", text) for i, text in enumerate(rows["text"])]
