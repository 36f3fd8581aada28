"""Files of tensors."""

from pathlib import Path

import torch

from seal_eval.core.errors import SealError, first_line


def write_tensors(file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write tensors in the format of safetensors. Raises SealError where the file cannot be written, as on a full disk."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, file, metadata=metadata)
    except (SafetensorError, OSError) as error:
        raise SealError(f"{file} cannot be written: {first_line(error)}") from error
