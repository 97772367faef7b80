"""GPU models that traces name and no hub has: what a topology needs to know of them.

Peak dense FP16 (tensor cores where there are any), memory, bandwidth and design power from the
vendors' data sheets (recalled). Models that a trace does not disclose take the V100's numbers.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GpuModel", "find_model"]


class GpuModel(NamedTuple):
    """One GPU model."""

    name: str
    fp16_tflops: float
    memory_gb: float
    memory_bandwidth_tb_s: float
    tdp_w: float
    grade: str = "published"


UNDISCLOSED = GpuModel("undisclosed", 125.0, 32.0, 0.9, 300.0, "assumed")
#: By the beginning of the name in capitals without signs; the longest that fits counts.
MODELS: dict[str, GpuModel] = {
    "K80": GpuModel("K80 (half a board)", 4.1, 12.0, 0.24, 150.0),
    "P4": GpuModel("P4", 5.5, 8.0, 0.192, 75.0),
    "P100": GpuModel("P100 PCIe 16 GB", 18.7, 16.0, 0.732, 250.0),
    "T4": GpuModel("T4", 65.0, 16.0, 0.32, 70.0),
    "V100": GpuModel("V100 SXM2 32 GB", 125.0, 32.0, 0.9, 300.0),
    "V100M16": GpuModel("V100 SXM2 16 GB", 125.0, 16.0, 0.9, 300.0),
    "A10": GpuModel("A10", 125.0, 24.0, 0.6, 150.0),
    "A100": GpuModel("A100 SXM 80 GB", 312.0, 80.0, 2.04, 400.0),
    "A800": GpuModel("A800 SXM 80 GB", 312.0, 80.0, 2.04, 400.0),
    "H800": GpuModel("H800 SXM", 989.0, 80.0, 3.35, 700.0),
    "H100": GpuModel("H100 SXM", 989.0, 80.0, 3.35, 700.0),
    "H20": GpuModel("H20 96 GB", 148.0, 96.0, 4.0, 400.0),
}


def find_model(name: str) -> GpuModel:
    """Return the model a trace's word names; `UNDISCLOSED` where none does."""
    plain = "".join(sign for sign in name.upper() if sign.isalnum())
    fits = [key for key in MODELS if plain.startswith(key)]
    return MODELS[max(fits, key=len)] if fits else UNDISCLOSED
