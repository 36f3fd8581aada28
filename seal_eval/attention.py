"""Old name of seal_eval.models.attention, kept for plugins; goes with 0.2."""

from seal_eval.models.attention import *  # noqa: F403
from seal_eval.models.attention import Region as Part  # noqa: F401
from seal_eval.models.attention import attention_by_region as attention_in_parts  # noqa: F401
