"""What a chat template puts between the turns of a conversation, so that a text of several turns can stand in one user's turn."""

from seal_eval.core.errors import SealError
from seal_eval.prompts.prompt import PromptFormat

PROBE = ("First question", "First reply", "Second question", "Second reply", "Third question")


def between_turns(prompt_format: PromptFormat) -> tuple[str, str] | None:
    """(text between a user's turn and the reply, text between the reply and the user's next turn).

    A user's turn that holds these texts between requests and replies is rendered exactly like a conversation of that many turns. None
    without a chat template, and for a template of which that is not so.
    """
    if not prompt_format.settings.chat_template:
        return None
    roles = ("user", "assistant") * 3
    system = prompt_format.turns("")[:-1]
    try:
        rendered = prompt_format.template([*system, *({"role": r, "content": c} for r, c in zip(roles, PROBE, strict=False))])
        places = [rendered.index(part) for part in PROBE]
        to_reply, to_user, again, again_user = (
            rendered[at + len(part) : after] for at, part, after in zip(places, PROBE, places[1:], strict=False)
        )
        one_turn = to_reply.join(PROBE[:2]) + to_user + to_reply.join(PROBE[2:4]) + to_user + PROBE[4]
        same = (to_reply, to_user) == (again, again_user) and prompt_format.render(one_turn) == rendered
    except (SealError, ValueError):
        return None
    return (to_reply, to_user) if same else None
