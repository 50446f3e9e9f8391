"""The scripts that write the pages: each can be begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.slow
def test_every_script_imports_what_there_is():
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    names = [script.stem for script in SCRIPTS]
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=SCRIPTS[0].parent, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
