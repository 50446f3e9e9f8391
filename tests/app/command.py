"""The installed command, as a user runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

COMMAND = shutil.which("thermend", path=str(Path(sys.executable).parent)) or "thermend"


def thermend(*words: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end; whatever happens, there is no traceback."""
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, timeout=280)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done
