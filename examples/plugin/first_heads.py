"""Example of a method in its own package: multiply the output of each layer's first head by a constant."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from seal_eval.models.modules import head_projections, in_features, n_heads


@dataclass(frozen=True)
class FirstHeads:
    summary = "the first head of every layer, multiplied by a constant"
    citation = "an example"
    by: float = 1.1

    @contextmanager
    def apply(self, model):
        with ExitStack() as hooks:  # removes the hooks at the end, after an error too
            for _, projection in head_projections(model):  # its input: [batch, seq, n_heads * head_dim]
                head_dim = in_features(projection) // n_heads(model)

                def scale_first_head(_, args, head_dim=head_dim):
                    first, rest = args[0].split([head_dim, args[0].shape[-1] - head_dim], -1)
                    return (torch.cat([self.by * first, rest], -1),)

                hooks.callback(projection.register_forward_pre_hook(scale_first_head).remove)
            yield model
