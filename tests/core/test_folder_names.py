"""Names of models as names of folders: in every script, two models have two; ASCII names are as they always were."""

import re
import unicodedata

import pytest

from seal_eval.core.names import recorded


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("模型甲", "模型甲"), ("модель-7b", "модель-7b"), ("मॉडल", "मॉडल"), ("名前/モデル v2", "名前--モデル--v2"), ("./ckpt/é", "é"),
        ("owner/Model_1.5+x", "owner--Model_1.5+x"), ("a b//c", "a--b--c"), ("...", "unnamed"), ("", "unnamed"),
    ],
)  # fmt: skip
def test_letters_stay(name, folder):
    assert recorded(name) == folder == recorded(folder)


def test_what_is_lost_leaves_a_hash():
    names = ["🦙-7b", "🐫-7b", "🦙", "🐫", "❤️", "模型🦙", "\ud800", "-7b"]
    folders = [recorded(name) for name in names]
    assert len(set(folders)) == len(names) and [recorded(folder) for folder in folders] == folders
    assert re.fullmatch("7b-[0-9a-f]{8}", folders[0]) and re.fullmatch("模型-[0-9a-f]{8}", folders[5]) and folders[-1] == "7b"
    assert all(folder.isprintable() for folder in folders)


def test_one_name_written_in_two_ways_is_one():
    """macOS takes letters and their accents apart."""
    assert recorded(unicodedata.normalize("NFD", "modèle-ガ")) == "modèle-ガ"


def test_signs_of_ascii_are_replaced_as_ever():
    for c in map(chr, range(1, 128)):
        assert recorded(f"x{c}y") == f"x{c if re.fullmatch('[A-Za-z0-9._+-]', c) else '--'}y"
