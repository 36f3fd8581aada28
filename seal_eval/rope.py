"""Old name of seal_eval.models.rope, kept for plugins; goes with 0.2."""

from seal_eval.models.rope import *  # noqa: F403
from seal_eval.models.rope import rotary_replaced as rotary_rebuilt  # noqa: F401
