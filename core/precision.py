"""The number format in which this machine trains quickest without losing accuracy."""

from collections.abc import Mapping
from typing import Any

PRECISIONS = ("auto", "bf16", "fp16", "fp32")


def resolve_precision(wanted: str) -> str:
    """What ``auto`` means here: bf16 where the processor computes in it, fp16 on older GPUs, else fp32.

    PyTorch emulates bf16 on every processor: on one without instructions for it, a training step of
    EfficientNet-Lite0 took fifteen times as long as in fp32.

    Args:
        wanted: one of ``PRECISIONS``.

    Returns:
        ``bf16``, ``fp16`` or ``fp32``.
    """
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if _processor_has_bf16() else "fp32"


def _processor_has_bf16() -> bool:
    import torch

    # x86 names its instructions avx512_bf16 and amx_bf16, ARM bf16; early versions of PyTorch 2 cannot tell.
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
