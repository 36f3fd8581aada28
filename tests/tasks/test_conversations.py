"""The conversations written for the topics task: enough, distinct, and of the same shape."""

import json
import re
from pathlib import Path

from seal_eval import tasks

FOLDER = Path(tasks.__file__).parent / "conversations"


def test_conversations():
    rows = [json.loads(line) for file in sorted(FOLDER.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 64
    topics = [row["topic"] for row in rows]
    assert len(set(topics)) == 64
    for row in rows:
        assert set(row) == {"topic", "turns"} and len(row["turns"]) == 8
        assert f"I would like to discuss the topic of {row['topic']}." in row["turns"][0]
        text = " ".join(row["turns"])
        assert 330 <= len(text.split()) <= 430 and "\n" not in text
        assert text.count(row["topic"]) <= 3 and not re.search(r"\d{5}", text)
        others = [t for t in topics if t != row["topic"] and t.lower() in text.lower()]
        assert not others, (row["topic"], others)  # no conversation may name another one's topic
