"""Several methods applied to one model together."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from seal_eval.core.applied import extended, method_applied
from seal_eval.core.plugins import TOGETHER, Method
from seal_eval.models.window import window_given, window_in

COSTS = ("trained_parameters", "tuning_seconds")  # of tuned methods: those of a composition's parts are added


def parts_of(name: str, method: Method) -> tuple[tuple[str, Method], ...]:
    """Return the parts of a composition with their names, or the method itself as its only part."""
    return method.parts if isinstance(method, Composed) else ((name, method),)


@dataclass(frozen=True)
class Composed(Method):
    """Several methods applied together, the first one outermost. Methods that work within the window are given the extended one."""

    parts: tuple[tuple[str, Method], ...]

    summary: ClassVar[str] = "several methods together"
    citation: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Check the settings, and tell each part what it is applied with."""
        super().__post_init__()
        for _, part in self.parts:
            vars(part)[TOGETHER] = self.parts  # no setting, so no field

    @property
    def shares_prefix(self) -> bool:  # type: ignore[override]
        """True when every part does."""
        return all(part.shares_prefix for _, part in self.parts)

    @property
    def last_together(self) -> int:  # type: ignore[override]
        """The largest number of the parts."""
        return max(part.last_together for _, part in self.parts)

    @property
    def record_first(self) -> bool:  # type: ignore[override]
        """True when any part reads the record without the question."""
        return any(part.record_first for _, part in self.parts)

    @property
    def while_decoding(self) -> bool:  # type: ignore[override]
        """True when any part acts only while a reply is decoded."""
        return any(part.while_decoding for _, part in self.parts)

    @property
    def by_prompt_end(self) -> bool:  # type: ignore[override]
        """True when any part goes by a prompt's last token."""
        return any(part.by_prompt_end for _, part in self.parts)

    @property
    def one_at_a_time(self) -> bool:  # type: ignore[override]
        """True when any part depends on the other texts of a batch."""
        return any(part.one_at_a_time for _, part in self.parts)

    def about(self) -> dict[str, Any]:
        """The dictionaries of all parts in one; a later part wins where keys are equal, but costs are added.

        Where several parts say something, `parts` holds each one's dictionary by its name.
        """
        from seal_eval.core.about import checked_about  # not above: the command line starts without pydantic

        told = {name: about for name, part in self.parts if (about := checked_about(name, part))}
        found: dict[str, Any] = {}
        for about in told.values():
            found |= about
        for key in COSTS:
            amounts = [about[key] for about in told.values() if isinstance(about.get(key), int | float)]
            found |= {key: sum(amounts)} if len(amounts) > 1 else {}
        return found | ({"parts": told} if len(told) > 1 else {})

    def window(self, trained: int) -> int:
        """Tokens that the model can read with all parts, in any order: see `_windows`."""
        return self._windows(trained)[""]

    def resolved(self, trained: int) -> dict[str, Any]:
        """The dictionaries of all parts in one, with keys PART.SETTING, each for the window with which `apply` applies it."""
        given = self._windows(trained)
        return {f"{name}.{key}": value for name, part in self.parts for key, value in part.resolved(given[name]).items()}

    def _windows(self, trained: int) -> dict[str, int]:
        """The window that each part is given, and under '' that of all together.

        A part that works within a window is given the one that the others leave it, so rotary parts come first, whatever the order. A part
        whose settings are about the training (`by_training`) has the trained window.
        """
        given, window = {}, trained
        for name, part in sorted(self.parts, key=lambda named: named[1].changes != "rope"):
            given[name] = trained if part.by_training else window
            window = extended(part, window)
        return given | {"": window}

    @contextmanager
    def apply(self, model: Any) -> Iterator[Any]:
        trained = window_in(model.config)
        given = self._windows(trained) if trained else {}
        with ExitStack() as stack:
            for name, part in self.parts:
                with window_given(model, given.get(name)):
                    stack.enter_context(method_applied(name, part, model))
            yield model
