"""In which numbers PyTorch computes: bf16 where the hardware has it, else float32."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch


def has_bf16(device: Any) -> bool:
    """Whether the hardware computes in bf16; elsewhere that would be slower than float32."""
    return bool(device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fast(device: Any) -> AbstractContextManager[Any]:
    """bf16 for convolutions where the hardware computes in it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_bf16(device))
