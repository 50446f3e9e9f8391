"""The command `thermend`."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Optional

import typer

from thermend.app.cli import archive, console, research
from thermend.app.cli.benchmark import SeveralValues
from thermend.app.cli.options import (
    AllowHostOption,
    BandOption,
    DistanceOption,
    EmissivityOption,
    EstimatorOption,
    FeaturesOption,
    HostOption,
    JsonOption,
    KeepOption,
    KelvinPerCountOption,
    MaxPixelsOption,
    MaxUploadOption,
    MemoryOption,
    OffsetOption,
    PaletteOption,
    PipedInputs,
    PortOption,
    PrecisionOption,
    PriorOption,
    PromptsOption,
    QueueOption,
    ReflectedOption,
    ServedPixelsOption,
    StorageOption,
    TimeoutOption,
    TokenOption,
    UnitOption,
    WorkersOption,
    reading_of,
)
from thermend.app.cli.pipes import files_for
from thermend.errors import ThermendError
from thermend.jobs import interruption
from thermend.version import __version__

app = typer.Typer(
    help="Mend thermal-infrared images: stripes, noise, blur, low contrast; temperatures are kept.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"thermend {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def enhance(
    inputs: PipedInputs,
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", metavar="OUT", help="Folder for the results, or a file for one; - is standard output."
        ),
    ],
    method: Annotated[str, typer.Option(help="As `thermend methods` lists them: NAME or NAME/VARIANT.")] = "auto",
    weights: Annotated[Optional[str], typer.Option(metavar="FILE", help="A network's weights.")] = None,  # noqa: UP045
    mode: Annotated[str, typer.Option(help="radiometric (keep temperatures), display (for the eye) or auto.")] = "auto",
    contrast: Annotated[
        str,
        typer.Option(
            help="auto (give back what was lost), keep, or stretch (over the whole range; for the eye alone)."
        ),
    ] = "auto",
    scale: Annotated[int, typer.Option(help="1, 2 or 4 times as many pixels along each side.")] = 1,
    unit: UnitOption = None,
    kelvin_per_count: KelvinPerCountOption = None,
    offset: OffsetOption = None,
    band: BandOption = None,
    palette: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Colour display results; for radiometric ones write a coloured picture beside them."),
    ] = None,
    input_palette: PaletteOption = None,
    depth: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Bits a pixel of the results: 8, 16 or 32; the input's by default."),
    ] = None,
    emissivity: EmissivityOption = None,
    reflected_temperature: ReflectedOption = None,
    distance: DistanceOption = None,
    max_pixels: MaxPixelsOption = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write a picture of input and result side by side.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="What computes a network: openvino, onnxruntime, torch or auto.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="cpu, or what the engine calls its devices.")] = "auto",
    precision: PrecisionOption = "auto",
    prompts: PromptsOption = None,
    estimator: EstimatorOption = None,
    prior: PriorOption = None,
    features: FeaturesOption = None,
    tile: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Side of a network's tiles, pixels."),
    ] = None,
    trust_map: Annotated[
        bool, typer.Option("--trust-map", help="Also write where a result departs from what was measured.")
    ] = False,
    recording: Annotated[bool, typer.Option("--recording", help="A folder's images are the frames of one.")] = False,
    each_frame: Annotated[
        bool, typer.Option("--each-frame", help="Mend the frames of a recording one by one, without memory.")
    ] = False,
    pattern: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILE", help="The camera's fixed pattern, from --save-pattern: it is taken off."),
    ] = None,
    save_pattern: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--save-pattern", metavar="FILE", help="Keep the fixed pattern that a recording shows."),
    ] = None,
    look_ahead: Annotated[
        int,
        typer.Option(
            "--look-ahead",
            metavar="N",
            min=0,
            max=1000,
            help="Learn a recording's fixed pattern from its first N frames before the first is mended.",
        ),
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with recordings that were interrupted (NAME.partial.EXT).")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    on: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="ray[://HOST:PORT]", help="Work on a cluster, and keep a manifest in OUT (archives)."),
    ] = None,
    gpus: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(metavar="N", help="Of that cluster, a worker each; its cores otherwise."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Mend thermal images and recordings.

    Temperatures stay temperatures: radiometric inputs give float32 TIFF in degrees Celsius; pictures stay pictures.
    """
    from thermend.app.cli import enhance as command

    interruption.heed()
    reading = reading_of(
        unit, kelvin_per_count, offset, band, input_palette, emissivity, reflected_temperature, distance, max_pixels
    )
    options = {
        "method": method, "weights": weights, "mode": mode, "contrast": contrast, "scale": scale, "palette": palette,
        "depth": depth, "compare": compare, "engine": engine, "device": device, "precision": precision,
        "prompts": prompts, "estimator": estimator, "prior": prior, "features": features, "tile": tile,
        "trust_map": trust_map, "overwrite": overwrite, "recording": recording, "each_frame": each_frame,
        "pattern": pattern, "save_pattern": save_pattern, "look_ahead": look_ahead,
        "resume": resume, "on": on, "gpus": gpus,
    }  # fmt: skip
    with files_for(inputs, out) as files:
        code = command.run(files.inputs, files.out, reading, options, files.say, as_json)
        files.hand_over()
    raise typer.Exit(code)


@app.command()
def diagnose(
    inputs: PipedInputs,
    unit: UnitOption = None,
    kelvin_per_count: KelvinPerCountOption = None,
    offset: OffsetOption = None,
    band: BandOption = None,
    input_palette: PaletteOption = None,
    emissivity: EmissivityOption = None,
    reflected_temperature: ReflectedOption = None,
    distance: DistanceOption = None,
    max_pixels: MaxPixelsOption = None,
    by: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="hidra", help="Ask that network too: type and level of damage."),
    ] = None,
    weights: Annotated[Optional[str], typer.Option(metavar="FILE", help="Of that network.")] = None,  # noqa: UP045
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with thermal images: noise, stripes, blur, shading, dead pixels, contrast."""
    from thermend.app.cli import diagnose as command

    interruption.heed()
    reading = reading_of(
        unit, kelvin_per_count, offset, band, input_palette, emissivity, reflected_temperature, distance, max_pixels
    )
    with files_for(inputs) as files:
        code = command.run(files.inputs, reading, as_json, typer.echo, by, weights)
    raise typer.Exit(code)


@app.command()
def methods(as_json: JsonOption = False) -> None:
    """List the methods."""
    from thermend.app.cli import methods as command

    interruption.heed()
    raise typer.Exit(command.run(as_json, typer.echo))


@app.command()
def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    token: TokenOption = None,
    allow_host: AllowHostOption = None,
    max_upload: MaxUploadOption = 1024,
    max_pixels: ServedPixelsOption = 50_000_000,
    queue: QueueOption = 64,
    keep: KeepOption = 30,
    timeout: TimeoutOption = 600,
    memory: MemoryOption = 4096,
    storage: StorageOption = 16384,
    workers: WorkersOption = 1,
) -> None:
    """Open a page to drop thermal files on, and a REST server (needs the extra `server`)."""
    from thermend.app.cli import serve as command
    from thermend.app.server.settings import Settings

    interruption.heed()
    settings = Settings(
        host, port, token, tuple(allow_host or ()), max_upload, max_pixels, queue, keep, timeout, memory, storage, workers
    )  # fmt: skip
    raise typer.Exit(command.run(settings, typer.echo))


for command in (research.degrade, research.evaluate, research.train, research.export):
    app.command()(command)
app.command(cls=SeveralValues)(research.benchmark)
app.add_typer(archive.app, name="archive")


def run() -> None:
    """Entry point; every expected error becomes one line and an exit code."""
    warnings.showwarning = console.complain  # type: ignore[assignment]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: its threads would only wait for one another
    try:
        app()
        sys.stdout.flush()
    except ThermendError as error:
        console.complain(str(error))
        sys.exit(console.WRONG_USE)
    except OSError as error:  # the reader of a pipe went away, or the disk that the answer went to is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            console.complain(f"the answer cannot be written: {error.strerror or error}")
        sys.exit(console.SOME_FAILED)


if __name__ == "__main__":
    run()
