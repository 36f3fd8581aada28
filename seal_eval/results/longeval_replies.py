"""Published LongEval line responses, scored again: by LongEval's own rule and by ours."""

import re
from dataclasses import dataclass
from pathlib import Path

from seal_eval.core.errors import SealError
from seal_eval.core.types import Estimate
from seal_eval.prompts.scoring import extract, last_digits
from seal_eval.stats import wilson

# as LongEval writes them; the reply may itself hold commas, so the fields behind it are taken from the end
RESPONSE_LINE = re.compile(r"Label: (\d+), Predict: (.*?)(?:, Parsed: (-?\d+)(?:, prompt length: (\d+))?)?\s*")
TOTAL = re.compile(r"Accuracy: ([0-9.]+)\s*")


@dataclass(frozen=True)
class Rescored:
    """A response file under both rules. `published` is the accuracy the file itself states, None when it states none."""

    file: Path
    official: Estimate
    ours: Estimate
    published: float | None
    disagree: tuple[int, ...]  # line numbers where the two rules differ


def rescore(file: Path) -> Rescored:
    """Read a LongEval response file ('Label: 123, Predict: …, Parsed: 123, prompt length: 4567' a line) and score it.

    Raises SealError naming file and line for a line of another form, and when the file's own number of a reply differs from
    what the official rule reads.
    """
    if not file.is_file():
        raise SealError(f"response file {file} does not exist")
    official: list[float] = []
    ours: list[float] = []
    disagree: list[int] = []
    published = None
    for number, raw in enumerate(file.read_bytes().splitlines(), 1):
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SealError(f"{file}, line {number}: not UTF-8 ({error.reason})") from error
        if not line.strip():
            continue
        if total := TOTAL.fullmatch(line):
            published = float(total[1])
            continue
        found = RESPONSE_LINE.fullmatch(line)
        if not found:
            raise SealError(f"{file}, line {number}: not 'Label: N, Predict: …, Parsed: N, prompt length: N' but {line[:60]!r}")
        target, reply, parsed, _ = found.groups()
        number_asked = str(int(target))
        theirs, digits = last_digits(reply, (number_asked,))
        mine = float(extract(reply, "number")[:1] == [number_asked])
        if parsed is not None and int(parsed) != int(digits or -1):
            raise SealError(f"{file}, line {number}: the file reads {parsed} from the reply, the official rule {digits or -1}")
        official.append(theirs)
        ours.append(mine)
        if theirs != mine:
            disagree.append(number)
    if not official:
        raise SealError(f"{file} holds no response")
    n = len(official)
    return Rescored(file, wilson(round(sum(official)), n), wilson(round(sum(ours)), n), published, tuple(disagree))
