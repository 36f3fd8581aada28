"""Old name of seal_eval.models.modules, kept for plugins; goes with 0.2."""

from seal_eval.models.modules import *  # noqa: F403
