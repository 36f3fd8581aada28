"""The method that an adapter was tuned on, compared with what it is applied with: without it, scales are wrong for what they scale."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seal_eval.core.files import card_of
from seal_eval.core.plugins import Method
from seal_eval.core.settings import key_values

Parts = Sequence[tuple[str, Method]]  # (name, method) of a composition


def on_difference(adapter: str, parts: Parts, model: Any) -> dict[str, Any]:
    """Return what results record when an adapter was tuned on a method that is not among `parts`, with the same settings; else {}.

    A checkpoint that holds the method in its configuration counts as running it. Methods besides the one it was tuned on are no difference.
    """
    on = str(card_of(adapter).get("on") or "")
    if not on or _among(on, parts):
        return {}
    place = str(getattr(model, "name_or_path", "") or "")
    held = str(card_of(place).get("on") or "") if place else ""
    if held and _settings(held) == _settings(on):
        return {}
    applied = ", ".join(filter(None, [held, *(_shown(part, _settings(on)) for part in parts)]))
    return {"on_differs": True, "applied": applied or "plain"}


def warning(adapter: str, told: dict[str, Any]) -> str:
    """The line about an adapter for which `on_difference` returned `told`."""
    said = card_of(adapter)
    name, comma, settings = str(said["on"]).partition(",")
    remedy = f"method={name}+{said.get('method') or 'seal'}{comma}{settings}, or merge --on {said['on']}"
    return f"warning: adapter {adapter} was tuned on {said['on']}, and is applied to {told['applied']}; use {remedy}"


def _settings(text: str) -> dict[str, Any]:
    return key_values(f"'{text}'", f"method={text}")


def _among(on: str, parts: Parts) -> bool:
    """Whether the methods of 'NAME[+NAME][,SETTING=VALUE…]' are among the parts, with the same settings."""
    given, methods = _settings(on), dict(parts)
    names = str(given.pop("method")).split("+")
    if not {*names} <= {*methods}:
        return False
    for name in names:
        for field in dataclasses.fields(methods[name]):  # type: ignore[arg-type]
            wanted = given.get(f"{name}.{field.name}", given.get(field.name, field.default))
            if not _same(wanted, getattr(methods[name], field.name)):
                return False
    return True


def _same(wanted: Any, value: Any) -> bool:
    """Equality; of paths, that of their last parts, because files may have been moved."""
    if isinstance(wanted, str) and isinstance(value, str):
        return Path(wanted).name == Path(value).name
    return wanted is dataclasses.MISSING or bool(wanted == value)


def _shown(part: tuple[str, Method], named: dict[str, Any]) -> str:
    """'yarn,factor=2': a method with the settings that are named, and those that are not its defaults."""
    name, method = part
    values = {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}  # type: ignore[arg-type]
    defaults = {f.name: f.default for f in dataclasses.fields(method)}  # type: ignore[arg-type]
    told = {key: value for key, value in values.items() if key in named or value != defaults[key]}
    return ",".join([name, *(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in told.items())])
