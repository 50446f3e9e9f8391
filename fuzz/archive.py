"""Kill the workers, the driver and a node of an archive's run, over a store that fails: nothing is lost, nothing is half.

    python fuzz/archive.py --kills 50 [--files 60] [--seed N] [--record FILE.json] [--page FILE.md]

A cluster of two nodes on this machine, a store on loopback that answers 3 % of the requests with 500 or 503, some of them after
they were carried out, and 3 % late. After a few kills the command runs to its end. Then every result has the bytes of a plain
run, there is none else, no upload is open, and a further run finds nothing to do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import s3fs
from kills import COMMAND
from run import commit_of, write_page

import thermend
from thermend.datasets.scenes import scene_picture

METHOD = ["--method", "classical.chain"]
KINDS = ("worker", "driver", "node")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as place:
        done, findings, faults = soaked(Path(place), given.kills, given.files, rng)
    print(done, findings, faults)
    if given.record:
        record = json.loads(given.record.read_text()) if given.record.exists() else []
        facts = {"target": "kills: archive", "cases": sum(done.values()), "seed": given.seed, "commit": commit_of()}
        record.append({**facts, "findings": findings, "killed": done, "faults": faults})
        given.record.write_text(json.dumps(record, indent=1) + "\n")
        if given.page:
            write_page(given.page, record)
    if findings:
        raise SystemExit(1)


def inputs(folder: Path, number: int) -> Path:
    """Small noisy scenes, and one file that is none."""
    folder.mkdir()
    for n in range(number):
        scene = scene_picture(0, n % 12)[::3, ::3]
        noisy = 20000 + 4000 * scene + np.random.default_rng(n).normal(0, 60, scene.shape)
        thermend.write(thermend.ThermalImage.from_array(noisy.astype(np.uint16)), folder / f"{n:04d}.tif")
    (folder / "bad.tif").write_bytes(b"II*\0")
    return folder


class Nodes:
    """A head with two cores and a node with two, of processes on this machine."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        self.second = self.cluster.add_node(num_cpus=2)

    def kill(self) -> None:
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = self.cluster.add_node(num_cpus=2)

    def workers(self) -> list[psutil.Process]:
        """Ray's workers of ours, and the processes beside them."""
        found = []
        for process in psutil.process_iter(["cmdline", "name"]):
            words = " ".join(process.info["cmdline"] or ())
            with contextlib.suppress(psutil.Error):
                above = process.parents()
                if not any(p.pid == os.getpid() for p in above):  # of another cluster
                    continue
                beside = "spawn_main" in words and any("ray::" in "".join(p.cmdline()) for p in above)
                if beside or ("ray::" in words and "MapWorker" in words):
                    found.append(process)
        return found


def soaked(
    place: Path, kills: int, number: int, rng: np.random.Generator
) -> tuple[dict[str, int], list[str], dict[str, int]]:
    store = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("store.py")), "--errors", "0.03", "--slow", "0.03"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert store.stdout is not None
    address = store.stdout.readline().strip()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": address,
        "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled",
    }  # fmt: skip
    s3 = s3fs.S3FileSystem(use_listings_cache=False)
    source = inputs(place / "in", number)
    subprocess.run(
        [*COMMAND, "enhance", str(source), "-o", str(place / "plain"), *METHOD], capture_output=True, check=False
    )
    wanted = {path.name: path.read_bytes() for path in (place / "plain").iterdir()}
    for bucket in ("soak", "mended"):
        again(lambda bucket=bucket: s3.mkdir(bucket))
    again(lambda: s3.put(str(source), "soak/in", recursive=True))
    nodes = Nodes()
    os.environ["RAY_ADDRESS"] = nodes.cluster.address
    done, findings = dict.fromkeys(KINDS, 0), []
    try:
        turn = 0
        while sum(done.values()) < kills:
            turn += 1
            findings += one_archive(s3, f"mended/{turn}", nodes, done, kills, wanted, rng)
            print(turn, done, findings, flush=True)
    finally:
        nodes.cluster.shutdown()
        import urllib.request

        with urllib.request.urlopen(f"{address}/faults") as answer:
            faults = json.loads(answer.read())
        store.kill()
    return done, findings, faults


def again(action, times: int = 8):
    """What asks a store that fails on purpose."""
    for left in range(times - 1, -1, -1):
        try:
            return action()
        except OSError:
            if not left:
                raise
            time.sleep(0.2)


def one_archive(s3, out, nodes: Nodes, done, kills: int, wanted, rng) -> list[str]:
    """An archive from nothing to its end, with some kills on the way."""
    words = [*COMMAND, "enhance", "s3://soak/in", "-o", f"s3://{out}", *METHOD, "--on", "ray"]
    for _ in range(int(rng.integers(1, 3))):
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        begun = time.monotonic()
        while not again(lambda: s3.find(out)) and running.poll() is None and time.monotonic() - begun < 120:
            time.sleep(0.1)
        for _ in range(int(rng.integers(2, 7))):
            time.sleep(float(rng.uniform(0.2, 1.5)))
            if running.poll() is not None or sum(done.values()) >= kills:
                break
            kind = KINDS[int(rng.choice(3, p=(0.5, 0.3, 0.2)))]
            if kind == "worker":
                workers = nodes.workers()
                if not workers:
                    continue
                try:
                    workers[int(rng.integers(len(workers)))].kill()
                except psutil.NoSuchProcess:
                    continue
            elif kind == "node":
                nodes.kill()
            else:
                os.killpg(running.pid, signal.SIGKILL)
            done[kind] += 1
        try:
            running.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return [f"{out}: did not end after its workers were killed"]
    return checked(s3, out, words, wanted)


def checked(s3, out, words, wanted) -> list[str]:
    """What is wrong after a run to the end, and one more."""
    findings = []
    end = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    if end.returncode != 1 or "1 failed" not in end.stdout:
        findings.append(f"{out}: exit code {end.returncode}, {end.stdout} {end.stderr[-300:]}")
    names = [name for name in again(lambda: s3.find(out)) if "thermend-manifest" not in name]
    made = {name.rpartition("/")[2]: again(lambda name=name: s3.cat_file(name)) for name in names}
    if made != wanted:
        odd = [name for name in {*made, *wanted} if made.get(name) != wanted.get(name)]
        findings.append(f"{out}: not what a plain run makes: {odd[:5]}")
    if left := again(lambda: s3.list_multipart_uploads("mended")):
        findings.append(f"{out}: open uploads {left}")
    last = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    if f"0 written, {len(wanted)} done before, 1 failed" not in last.stdout:
        findings.append(f"{out}: a further run says {last.stdout} {last.stderr[-300:]}")
    return findings


if __name__ == "__main__":
    main()
