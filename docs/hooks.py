"""What mkdocs does beyond rendering: reference pages from the code, links out of docs/, and the leaderboard beside the pages."""

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Fill in what the code says, and turn links to files outside of docs/ into links to the repository, or into their names."""
    for mark, made in (("{{ commands }}", commands), ("{{ methods }}", methods)):
        if mark in markdown:
            markdown = markdown.replace(mark, made())

    def outside(link: re.Match[str]) -> str:
        text, place = link[1], link[2]
        return f"[{text}]({config['repo_url']}/blob/main/{place})" if config.get("repo_url") else f"{text} (`{place}`)"

    up = "../" * page.file.src_uri.count("/")
    return re.sub(rf"(?<!!)\[([^\]]+)\]\({re.escape(up)}\.\./([^)#]+)\)", outside, markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """The published runs' site, as `seal-eval site` writes it, in the folder leaderboard."""
    from seal_eval.leaderboard.build import build

    build(ROOT / "leaderboard" / "results", Path(config["site_dir"]) / "leaderboard")


def commands() -> str:
    """Every command with its options, from the command line itself."""
    import typer

    from seal_eval.cli import app

    def section(command: Any, path: str) -> str:
        context = command.make_context(path, [], resilient_parsing=True)
        text = [f"## {path}\n", f"{plain(command.help)}\n"]
        rows = [p.get_help_record(context) for p in command.params]
        options = [row for row in rows if row and row[0] not in ("--help", "-h, --help")]
        if options:
            text += ["| option | meaning |", "|---|---|", *(f"| `{cell(name)}` | {cell(plain(about))} |" for name, about in options), ""]
        inner = getattr(command, "commands", {})
        return "\n".join(text) + "\n" + "".join(section(inner[name], f"{path} {name}") for name in inner)

    return section(typer.main.get_command(app), "seal-eval")


def plain(text: str | None) -> str:
    """Without rich's markup."""
    return re.sub(r"\[/?b\]", "", text or "")


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def methods() -> str:
    """Every method's summary, settings and paper, from the methods themselves."""
    import dataclasses

    from seal_eval.baselines import get_method, method_names, method_settings

    rows = ["| method | what | settings and defaults | source |", "|---|---|---|---|"]
    for name in method_names():
        kind = get_method(name)
        own = (f.name + ("" if f.default is dataclasses.MISSING else f"={f.default}") for f in method_settings(name))
        given = ", ".join(f"`{text}`" for text in own) or "none"
        rows.append(f"| `{name}` | {cell(kind.summary)} | {given} | {cell(kind.citation or '–')} |")
    return "\n".join(rows)
