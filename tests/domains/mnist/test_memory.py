from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from domains.mnist.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():
    parts = [torch.ones(2**24) for _ in range(2)]  # 64 MB each
    return sum(part[0].item() for part in parts)
for _ in range(15):  # until the heap has found room for aligned blocks
    step()
before = faults()
step()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
def test_freed_memory_is_used_again_without_page_faults(repository) -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", PROGRAM, mode]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("keep") * 20 < faults("leave")
