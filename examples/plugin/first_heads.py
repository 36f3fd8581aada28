"""A method in a package of its own: multiply the output of every layer's first head by a constant."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from seal_eval.models.modules import head_projections, in_features, n_heads


@dataclass(frozen=True)
class FirstHeads:
    summary = "the first head of every layer, louder or softer"
    citation = "an example"
    by: float = 1.1

    @contextmanager
    def apply(self, model):
        with ExitStack() as undo:
            for _, projection in head_projections(model):  # its input: [batch, seq, n_heads * head_dim]
                width = in_features(projection) // n_heads(model)

                def louder(_, args, width=width):
                    first, rest = args[0].split([width, args[0].shape[-1] - width], -1)
                    return (torch.cat([self.by * first, rest], -1),)

                undo.callback(projection.register_forward_pre_hook(louder).remove)
            yield model
