"""`thermend degrade`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from thermend.app.cli import console
from thermend.errors import UsageError
from thermend.jobs import executors
from thermend.jobs.sinks import inputs_within, resolve_target
from thermend.jobs.sources import collect
from thermend.machine import cores


def run(
    patterns: Sequence[str],
    out: str,
    preset: str | None,
    seed: int,
    layout: str | None,
    overwrite: bool,
    say: Callable[[str], None] = print,
) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError
        nothing could be started
    """
    from thermend import degradations
    from thermend.jobs.degrade import Degrade, Target, hm_tir_tree

    if layout not in (None, "hm-tir"):
        raise UsageError(f"--layout {layout}: expected hm-tir")
    if layout is None and preset is None:
        raise UsageError(f"--preset NAME is missing; known are {', '.join(degradations.PRESETS)}")
    if layout is not None and preset is not None:
        raise UsageError("--layout hm-tir takes its own presets; leave --preset out")
    if preset is not None:
        degradations.preset(preset)
    executors.quieten_libraries()
    inputs = collect(patterns, skip=Path(out))
    if layout is not None:
        targets = hm_tir_tree(inputs, Path(out), seed)
    else:
        folder, single = resolve_target(out, inputs)
        if single and folder.suffix.lower() not in (".png", ".tif", ".tiff"):
            raise UsageError(f"-o {out}: degraded images keep their grey levels only as PNG or TIFF")
        targets = [
            Target(item, folder if single else folder / item.place.with_name(item.stem + ".png"), preset)
            for item in inputs
        ]
    protected = inputs_within(
        inputs, targets[0].path if layout is None and single else Path(out), single=layout is None and single
    )
    workers = min(cores(), len(targets)) if len(targets) > 8 else 1
    written, kept, failed = 0, 0, 0
    with (
        console.progress(len(targets), "degrading") as seen,
        closing(executors.run(Degrade(seed, overwrite, protected), targets, workers, progress=seen)) as running,
    ):
        for _, outcome in running:
            written += outcome.written is not None
            kept += outcome.skipped is not None
            failed += outcome.error is not None
            if line := outcome.error or outcome.skipped:
                console.complain(line)
    if written:
        say(f"{written} of {len(targets)} written to {out}")
    return console.exit_code(written + kept, failed)
