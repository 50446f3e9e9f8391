"""What docs/server.md prints works as it is printed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the server extra")
pytest.importorskip("httpx", reason="needs httpx")

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from command import thermend  # noqa: E402
from serving import running  # noqa: E402

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def test_the_lines_for_curl_and_the_client(tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    block = re.search(
        r"every line works as printed:\n\n```sh\n(.*?)```", (ROOT / "docs/server.md").read_text(), re.DOTALL
    )
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    thermend("enhance", tmp_path / "samples/street.tif", "-o", tmp_path / "out")
    with running(tmp_path) as (address, _):
        lines = block[1].replace("http://127.0.0.1:8000", address)
        done = subprocess.run(["bash", "-e", "-c", lines], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert '"state":"done"' in done.stdout
        assert (tmp_path / "mended.tif").read_bytes() == (tmp_path / "out/street.tif").read_bytes()
        words = [sys.executable, str(ROOT / "docs/examples/client.py"), address, str(tmp_path / "samples/facade.tif")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("facade.mended.tif")
    thermend("enhance", tmp_path / "samples/facade.tif", "-o", tmp_path / "out")
    assert (tmp_path / "samples/facade.mended.tif").read_bytes() == (tmp_path / "out/facade.tif").read_bytes()
