"""Words and prose are the same in every locale."""

import hashlib
import os
import subprocess
import sys

from seal_eval.prompts.corpus import prose, words

SAID = """
import hashlib, locale
from seal_eval.prompts.corpus import prose, words
assert locale.getpreferredencoding(False).lower() not in ("utf-8", "utf8")
print(hashlib.sha256(repr((words("eval"), words("tune"), prose("eval")[:9])).encode()).hexdigest())
"""


def test_ascii():
    own = hashlib.sha256(repr((words("eval"), words("tune"), prose("eval")[:9])).encode()).hexdigest()
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert subprocess.run([sys.executable, "-c", SAID], env=ascii_only, check=True, capture_output=True, text=True).stdout.strip() == own
