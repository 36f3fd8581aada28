"""Old name of seal_eval.models.attention, kept for plugins until 0.2."""

from seal_eval.models.attention import *  # noqa: F403
