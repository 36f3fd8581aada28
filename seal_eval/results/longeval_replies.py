"""Score published LongEval line responses again: by LongEval's own rule, and by the first number of the reply."""

import re
from dataclasses import dataclass
from pathlib import Path

from seal_eval.core.errors import SealError
from seal_eval.core.files import numbered_lines
from seal_eval.core.types import Estimate
from seal_eval.prompts.numerals import first_number
from seal_eval.prompts.scoring import last_digits
from seal_eval.stats import wilson

# as LongEval writes them; the reply may contain commas, so it ends only where the rest of the line consists of the other fields
RESPONSE_LINE = re.compile(r"Label: (\d{1,400}), Predict: (.*?)(?:, Parsed: (-?\d{1,400})(?:, prompt length: (\d+))?)?")
TOTAL = re.compile(r"Accuracy: ([0-9]*\.?[0-9]+)")


@dataclass(frozen=True)
class Rescored:
    """Accuracy of a response file under both rules. published: the accuracy that the file itself states, None if it states none."""

    file: Path
    official: Estimate
    ours: Estimate
    published: float | None
    disagree: tuple[int, ...]  # line numbers where the two rules differ


def rescore(file: Path) -> Rescored:
    """Read and score a LongEval response file, with lines like 'Label: 123, Predict: …, Parsed: 123, prompt length: 4567'.

    Raises SealError naming file and line for a line of another form, and for a line whose `Parsed` number differs from what LongEval's
    rule extracts from the reply.
    """
    if not file.is_file():
        raise SealError(f"response file {file} does not exist")
    official: list[float] = []
    ours: list[float] = []
    disagree: list[int] = []
    published = None
    for number, raw in numbered_lines(file):
        try:
            line = raw.decode("utf-8").rstrip()
        except UnicodeDecodeError as error:
            raise SealError(f"{file}, line {number}: not UTF-8 ({error.reason})") from error
        if not line:
            continue
        if total := TOTAL.fullmatch(line):
            published = float(total[1])
            continue
        response = RESPONSE_LINE.fullmatch(line)
        if not response:
            raise SealError(f"{file}, line {number}: not 'Label: N, Predict: …, Parsed: N, prompt length: N' but {line[:60]!r}")
        label, reply, parsed, _ = response.groups()
        target = str(int(label))
        official_score, digits = last_digits(reply, (target,))
        our_score = float(first_number(reply) == target)
        if parsed is not None and (len(digits or "") > 400 or int(parsed) != int(digits or -1)):
            extracted = (digits or "-1")[:60]
            raise SealError(f"{file}, line {number}: Parsed is {parsed[:60]}, but LongEval's rule extracts {extracted} from the reply")
        official.append(official_score)
        ours.append(our_score)
        if official_score != our_score:
            disagree.append(number)
    if not official:
        raise SealError(f"{file} holds no response")
    n = len(official)
    return Rescored(file, wilson(round(sum(official)), n), wilson(round(sum(ours)), n), published, tuple(disagree))
