"""The page of architectures says what these models give now: some twenty kinds here, all of them with `python -m pytest -m nightly`."""

import re
from pathlib import Path

import pytest

from architecture_kinds import kinds
from architectures import page, row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architectures.md"
SOME = (
    "llama", "mistral", "qwen3", "qwen3_moe", "gemma3_text", "gemma3n_text", "phi3", "phimoe", "olmo2", "gpt_neox", "gpt2", "opt",
    "mixtral", "deepseek_v3", "gpt_oss", "exaone4", "cohere2", "qwen3_next", "jamba", "mamba",
    "minimax", "beam",
)  # fmt: skip


def shown(text, kind):
    """Return the row of a kind with the text of its footnotes in place of their numbers; its reason where it was not built."""
    if absent := re.search(rf"^- {re.escape(kind)}: (.*)$", text, re.M):
        return [absent[1]]
    found = re.search(rf"^\| {re.escape(kind)} \|(.*)\|$", text, re.M)
    assert found, f"docs/architectures.md has no row {kind}; write it anew"
    notes = dict(re.findall(r"^(\d+)\. (.*)$", text, re.M))
    return [re.sub(r"\[(\d+)\]\(#reasons\)", lambda n: notes[n[1]], cell).strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("kind", SOME)
def test_row(kind):
    assert shown(page({kind: row(kind)}), kind) == shown(PAGE.read_text(encoding="utf-8"), kind)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind not in SOME])
def test_every_other_row(kind):
    assert shown(page({kind: row(kind)}), kind) == shown(PAGE.read_text(encoding="utf-8"), kind)


def test_nothing_is_wrong():
    text = PAGE.read_text(encoding="utf-8")
    assert "| wrong" not in text and "WRONG" not in text
