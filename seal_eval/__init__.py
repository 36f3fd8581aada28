"""seal-eval: does a language model retrieve from a long context, and which method makes it better?"""

from pathlib import Path as _Path

__version__ = "0.1.0"

# In a checkout the sub-packages tasks, baselines and leaderboard are siblings of this folder; in a wheel they are inside it.
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "baselines" / "__init__.py").is_file():
    __path__.append(str(_root))
