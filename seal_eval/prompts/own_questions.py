"""Questions that users bring: a JSON Lines file, and a folder of texts that the answers may stand in."""

import codecs
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seal_eval.core import strict_json
from seal_eval.core.checked import explained
from seal_eval.core.errors import SealError, closest
from seal_eval.core.files import numbered_lines
from seal_eval.prompts.corpus import sentences
from seal_eval.prompts.haystack import control_token_in, read_folder

OR = " | "  # separates accepted answers in a sample's one target
Text = Annotated[str, Field(min_length=1)]


def _listed(answer: Any) -> Any:
    if not isinstance(answer, str | list):
        raise ValueError("must be text or a list of texts")
    return [answer] if isinstance(answer, str) else answer


class Row(BaseModel):
    """A line of the file: a question, its accepted answers, and the passage that answers it, or the name of the file that does."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Text
    answer: Annotated[list[Text], Field(min_length=1), BeforeValidator(_listed)]
    passage: str = ""
    file: str = ""
    id: str = ""


@dataclass(frozen=True)
class Question:
    """A question with its accepted answers, the first of which is the one that tuning learns. file: the passage's, '' if it has none.

    document: the same for questions that share an id or, where they have none, a passage: their replies are not independent.
    """

    ident: str
    question: str
    answers: tuple[str, ...]
    passage: str
    file: str
    document: str

    def gives_away(self) -> re.Pattern[str]:
        """A pattern that finds an accepted answer in a text, in any case, as whole words."""
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.answers))})(?!\w)", re.IGNORECASE)

    def telling(self, pieces: Sequence[str]) -> set[int]:
        """The indices of the pieces that hold an accepted answer, alone or together with the pieces around them ("Dr." "Brown came.")."""
        hidden, ends = self.gives_away(), list(accumulate(len(piece) + 1 for piece in pieces))
        found = {k for k, piece in enumerate(pieces) if hidden.search(piece)}
        for match in hidden.finditer(" ".join(pieces)):
            found.update(range(bisect_right(ends, match.start()), bisect_right(ends, match.end() - 1) + 1))
        return found


def read_questions(file: Path, texts: dict[str, str], folder: str, control_tokens: Collection[str] = ()) -> tuple[Question, ...]:
    """Return the questions of a JSON Lines file, in order. texts: file name → text of the folder `folder`, '' when there is none.

    Raises SealError with file and line for what is no row, has no passage or two, names a file that is not there, or holds a token that
    the tokenizer reads as a control token.
    """
    if not file.is_file():
        raise SealError(f"questions '{file}' is no file; name a JSON Lines file, one object with question, answer and passage a line")
    found: list[Question] = []
    first: dict[str, str] = {}  # passage → the first question on it that has no id
    named: dict[str, bool] = {}  # id → whether lines give it; lines that give the same one are one document
    for number, written in numbered_lines(file):
        line = written.removeprefix(codecs.BOM_UTF8) if number == 1 else written
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            row = Row.model_validate(strict_json.loads(line))
        except ValidationError as error:
            raise SealError(f"{where}: {explained(error)}; a line has question, answer, and passage or file") from error
        except ValueError as error:
            raise SealError(f"{where}: not a JSON object ({error}); write one on each line") from error
        question = _checked(where, row, number, texts, folder)
        if token := control_token_in(question.question + question.passage, control_tokens):
            raise SealError(f"{where}: it holds {token!r}, which the tokenizer reads as a control token; remove it there")
        if named.setdefault(question.ident, bool(row.id)) != bool(row.id):
            raise SealError(f"{where}: a second question has the id '{question.ident}'; give each its own")
        if not row.id:
            question = replace(question, document=first.setdefault(question.passage, question.ident))
        found.append(question)
    if not found:
        raise SealError(f"questions '{file}' holds no question; write one object with question, answer and passage a line")
    return tuple(found)


def _checked(where: str, row: Row, number: int, texts: dict[str, str], folder: str) -> Question:
    if bool(row.passage.strip()) == bool(row.file):
        raise SealError(f"{where}: it needs a passage or a file that holds the answer, and not both")
    if row.file and row.file not in texts:
        near = closest(Path(row.file).name, texts)
        lacking = f"texts={folder}" + f"; did you mean '{near}'?" * bool(near) if folder else "a folder: name it with texts=FOLDER"
        raise SealError(f"{where}: file '{row.file}' is not in {lacking}")
    answers = list(dict.fromkeys(" ".join(answer.split()) for answer in row.answer))
    if wrong := next((a for a in answers if not re.search(r"\w", a) or OR.strip() in a), None):
        raise SealError(f"{where}: answer {wrong!r} has no letter or digit, or holds '{OR.strip()}'; write it in words")
    passage = " ".join((row.passage or texts[row.file]).split())
    if not passage:
        raise SealError(f"{where}: file '{row.file}' holds no text")
    if not row.question.strip() or "\0" in row.question + passage:
        raise SealError(f"{where}: the question is empty, or it or the passage holds a zero byte; write plain text")
    question, ident = " ".join(row.question.split()), row.id or f"line-{number}"
    if not ident.isprintable() or len(ident) > 100:
        raise SealError(f"{where}: id {ident[:40]!r} is longer than 100 characters or not printable; choose a short name")
    return Question(ident, question, tuple(answers), passage, row.file, ident)


def own_texts(folder: str, control_tokens: Collection[str] = ()) -> dict[str, str]:
    """Return file name → text of the .txt files in a folder, {} for ''. Raises SealError as `read_folder`, and for a control token."""
    texts = dict(read_folder(Path(folder), "texts")) if folder else {}
    for name, text in texts.items():
        if token := control_token_in(text, control_tokens):
            raise SealError(f"texts={folder}, {name}: it holds {token!r}, which the tokenizer reads as a control token; remove it there")
    return texts


def own_sentences(texts: dict[str, str]) -> list[tuple[str, str]]:
    """Return (file name, sentence) for all sentences of the texts, in order."""
    return [(name, sentence) for name, text in texts.items() for sentence in sentences(text)]
