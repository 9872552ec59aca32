"""What a process runs on: versions, code, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import calame
from calame.run.launch import world_size

PACKAGES = ("torch", "numpy", "tokenizers", "transformers", "safetensors", "sentencepiece", "pydantic")


def environment() -> dict[str, object]:
    """Versions, hardware and code revision of this process."""
    return {
        "calame": calame.__version__,
        "code": _revision(),
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "processes": world_size(),
        "machine": machine(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    """The git commit of the code, with + when files differ from it; None for an installed wheel."""
    here = Path(calame.__file__).parent
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", str(here)], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "") if commit.returncode == 0 else None


def machine() -> dict[str, object]:
    """The system, processor cores and CUDA devices of the machine that this process runs on."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"system": platform.platform(), "cpus": os.cpu_count(), "gpus": gpus}
