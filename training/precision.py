"""In which numbers PyTorch computes: bf16 where the hardware has it, else float32."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch


def fast(device: Any) -> AbstractContextManager[Any]:
    """bf16 for convolutions where the hardware computes in it; elsewhere it would be slower."""
    has = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bool(has))
