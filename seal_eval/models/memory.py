"""Recognises a lack of memory."""

# of PyTorch's allocators, of CUDA itself, and of its libraries
TEXTS = ("out of memory", "can't allocate memory", "not enough memory", "_status_alloc_failed")


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory could not be allocated, on the GPU or the CPU."""
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(part in text for part in TEXTS)
