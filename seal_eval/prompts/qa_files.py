"""The official files of SQuAD and HotpotQA, which a user may have: their passages, and their questions with the passages that answer them.

Rajpurkar et al. 2018, "Know What You Don't Know" (SQuAD 2.0, dev-v2.0.json; 1.1 has the same form); Yang et al. 2018, "HotpotQA"
(hotpot_dev_distractor_v1.json). RULER takes these two files for its qa_1 and qa_2.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from seal_eval.core import strict_json
from seal_eval.core.checked import explained
from seal_eval.core.errors import SealError
from seal_eval.prompts.haystack import control_token_in
from seal_eval.prompts.own_questions import OR

# names of the files, RULER's own first
FILES = {
    "squad": ("squad.json", "dev-v2.0.json", "dev-v1.1.json"),
    "hotpot": ("hotpotqa.json", "hotpot_dev_distractor_v1.json"),
}


@dataclass(frozen=True)
class FileQuestion:
    """A question. needed: indices of the passages that answer it; related: of those of the same article, or its own distractors."""

    ident: str
    question: str
    answers: tuple[str, ...]
    needed: tuple[int, ...]
    related: tuple[int, ...]


@dataclass(frozen=True)
class QaFile:
    """passages: (title, text)."""

    passages: tuple[tuple[str, str], ...]
    questions: tuple[FileQuestion, ...]


class _Answer(BaseModel):
    text: str


class _Question(BaseModel):
    id: str
    question: str
    answers: list[_Answer]
    is_impossible: bool = False


class _Paragraph(BaseModel):
    context: str
    qas: list[_Question]


class _Article(BaseModel):
    title: str
    paragraphs: list[_Paragraph]


class _Squad(BaseModel):
    data: Annotated[list[_Article], Field(min_length=1)]


class _Hotpot(BaseModel):
    id: Annotated[str, Field(alias="_id")]
    question: str
    answer: str
    supporting_facts: list[tuple[str, int]]
    context: list[tuple[str, list[str]]]


def read_qa(kind: str, place: str, control_tokens: Collection[str] = ()) -> QaFile:
    """The passages and questions of a file. kind: 'squad' or 'hotpot'. place: the file, or the folder that holds it under a name of FILES.

    Questions without an answer, or whose passages the file lacks, are left out. Raises SealError, naming the file, for one that is missing,
    is not as described, holds no question, or holds a token that the tokenizer reads as a control token.
    """
    file = _file(kind, Path(place))
    found = _read(kind, file, file.stat().st_mtime_ns)
    for text in (*(part for passage in found.passages for part in passage), *(q.question for q in found.questions)):
        if token := control_token_in(text, control_tokens):
            raise SealError(f"{kind}={file}: it holds {token!r}, which the tokenizer reads as a control token; remove it there")
    return found


@lru_cache(maxsize=2)  # once per run, not once per size
def _read(kind: str, file: Path, changed: int) -> QaFile:
    """The file as it was at the time `changed`."""
    try:
        value = strict_json.loads(file.read_text(encoding="utf-8"))
        found = _squad(value) if kind == "squad" else _hotpot(value)
    except ValidationError as error:
        raise SealError(f"{kind}={file}: not the official file ({explained(error)}); download it again") from error
    except (ValueError, OSError) as error:
        raise SealError(f"{kind}={file}: cannot be read as JSON ({error}); download it again") from error
    if not found.questions:
        raise SealError(f"{kind}={file}: holds no question with an answer")
    return found


def _file(kind: str, place: Path) -> Path:
    if place.is_file():
        return place
    for name in FILES[kind]:
        if (place / name).is_file():
            return place / name
    raise SealError(f"{kind}={place}: neither a file nor a folder with one of {', '.join(FILES[kind])}; download the official file there")


def _clean(text: str) -> str:
    return " ".join(text.split())


def _answers(texts: Collection[str]) -> tuple[str, ...]:
    kept = (_clean(text) for text in texts)
    return tuple(dict.fromkeys(text for text in kept if any(map(str.isalnum, text)) and OR.strip() not in text))


def _squad(value: Any) -> QaFile:
    passages: dict[tuple[str, str], int] = {}
    questions = []
    for article in _Squad.model_validate(value).data:
        title = _clean(article.title.replace("_", " "))
        own = [passages.setdefault((title, _clean(paragraph.context)), len(passages)) for paragraph in article.paragraphs]
        for index, paragraph in zip(own, article.paragraphs, strict=True):
            for asked in paragraph.qas:
                if not asked.is_impossible and (answers := _answers([answer.text for answer in asked.answers])):
                    related = tuple(dict.fromkeys(other for other in own if other != index))
                    questions.append(FileQuestion(asked.id, _clean(asked.question), answers, (index,), related))
    return QaFile(tuple(passages), tuple(questions))


def _hotpot(value: Any) -> QaFile:
    passages: dict[tuple[str, str], int] = {}
    questions = []
    for row in TypeAdapter(list[_Hotpot]).validate_python(value):
        own = {_clean(title): passages.setdefault((_clean(title), _clean("".join(lines))), len(passages)) for title, lines in row.context}
        supporting = dict.fromkeys(_clean(title) for title, _ in row.supporting_facts)
        if supporting and supporting.keys() <= own.keys() and (answers := _answers([row.answer])):
            needed = tuple(own[title] for title in supporting)
            related = tuple(index for index in own.values() if index not in needed)
            questions.append(FileQuestion(row.id, _clean(row.question), answers, needed, related))
    return QaFile(tuple(passages), tuple(questions))
