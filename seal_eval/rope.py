"""Old name of seal_eval.models.rope, kept for plugins until 0.2."""

from seal_eval.models.rope import *  # noqa: F403
