"""Which GPUs can be used, and why one cannot: a sentence instead of PyTorch's warnings."""

import os
import re
import warnings

import torch


def why_no_cuda() -> str:
    """Why there is no CUDA GPU to use, as a clause; "" where there is one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return ""
    said = " ".join(str(one.message) for one in caught)
    if os.environ.get("CUDA_VISIBLE_DEVICES", "x").strip() in ("", "-1"):
        return "no CUDA GPU is available (CUDA_VISIBLE_DEVICES hides them all)"
    if "driver" in said and "too old" in said:
        found = re.search(r"found version (\d+)", said)
        version = f" (it is for CUDA {int(found[1]) // 1000}.{int(found[1]) % 1000 // 10})" if found else ""
        return (
            f"no CUDA GPU is available: the NVIDIA driver{version} is older than this PyTorch's CUDA {torch.version.cuda}; "
            "update the driver, or install a PyTorch for it"
        )
    if torch.version.cuda is None and torch.version.hip is None:
        return f"no CUDA GPU is available (this PyTorch, {torch.__version__}, is built without CUDA)"
    return "no CUDA GPU is available"


def why_too_old(device: torch.device) -> str:
    """Why this PyTorch has no kernels for the CUDA GPU `device`; "" where it has."""
    built = [int(digits) for name in torch.cuda.get_arch_list() for digits in re.findall(r"^(?:sm|compute)_(\d+)", name)]
    major, minor = torch.cuda.get_device_capability(device)
    if not built or torch.version.cuda is None or 10 * major + minor >= min(built):
        return ""
    least = min(built)
    return (
        f"{torch.cuda.get_device_name(device)} has compute capability {major}.{minor}, and this PyTorch ({torch.__version__}) "
        f"is built for {least // 10}.{least % 10} and later; install an older PyTorch, or use --device cpu"
    )
