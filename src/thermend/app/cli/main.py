"""The command `thermend`."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Annotated, Optional

import typer

from thermend.app.cli import console
from thermend.app.cli.benchmark import SeveralValues
from thermend.app.cli.options import (
    BandOption,
    DatasetOption,
    DistanceOption,
    EmissivityOption,
    EstimatorOption,
    EvaluatedScaleOption,
    FeaturesOption,
    FuseOption,
    FuseWeightsOption,
    Inputs,
    JsonOption,
    KelvinPerCountOption,
    OffsetOption,
    PaletteOption,
    PipedInputs,
    PrecisionOption,
    PriorOption,
    PromptsOption,
    ReflectedOption,
    UnitOption,
    VisibleOption,
    check_options,
    reading_of,
)
from thermend.app.cli.pipes import files_for
from thermend.errors import ThermendError
from thermend.jobs import executors
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with recordings that were interrupted (NAME.partial.EXT).")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Mend thermal images and recordings.

    Temperatures stay temperatures: radiometric inputs give float32 TIFF in degrees Celsius; pictures stay pictures.
    """
    from thermend.app.cli import enhance as command

    reading = reading_of(
        unit, kelvin_per_count, offset, band, input_palette, emissivity, reflected_temperature, distance
    )
    options = {
        "method": method, "weights": weights, "mode": mode, "contrast": contrast, "scale": scale, "palette": palette,
        "depth": depth, "compare": compare, "engine": engine, "device": device, "precision": precision,
        "prompts": prompts, "estimator": estimator, "prior": prior, "features": features, "tile": tile,
        "trust_map": trust_map, "overwrite": overwrite, "recording": recording, "each_frame": each_frame,
        "pattern": pattern, "save_pattern": save_pattern, "resume": resume,
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
    by: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="hidra", help="Ask that network too: type and level of damage."),
    ] = None,
    weights: Annotated[Optional[str], typer.Option(metavar="FILE", help="Of that network.")] = None,  # noqa: UP045
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with thermal images: noise, stripes, blur, shading, dead pixels, contrast."""
    from thermend.app.cli import diagnose as command

    reading = reading_of(
        unit, kelvin_per_count, offset, band, input_palette, emissivity, reflected_temperature, distance
    )
    with files_for(inputs) as files:
        code = command.run(files.inputs, reading, as_json, typer.echo, by, weights)
    raise typer.Exit(code)


@app.command()
def methods(as_json: JsonOption = False) -> None:
    """List the methods."""
    from thermend.app.cli import methods as command

    raise typer.Exit(command.run(as_json, typer.echo))


@app.command()
def degrade(
    inputs: Inputs,
    out: Annotated[str, typer.Option("-o", "--out", metavar="OUT", help="Folder for the degraded images.")],
    preset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="NAME", help="The papers' test conditions: hm-tir-hard, deal-stripe-heavy, hidra-mild, ..."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same images.")] = 0,
    layout: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="hm-tir", help="Write a tree in the layout of that data set, with all its conditions."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
) -> None:
    """Degrade clean thermal images as the papers do, to test methods on (needs the extra `train`)."""
    from thermend.app.cli import degrade as command

    raise typer.Exit(command.run(inputs, out, preset, seed, layout, overwrite, typer.echo))


@app.command()
def evaluate(
    method: Annotated[str, typer.Option(help="As `thermend methods` lists them.")],
    clean: Annotated[Optional[str], typer.Option(metavar="DIR", help="The clean images.")] = None,  # noqa: UP045
    degraded: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="DIR", help="Degraded images of the same names."),
    ] = None,
    preset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Degrade the clean images so."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the preset.")] = 0,
    dataset: DatasetOption = None,
    scale: EvaluatedScaleOption = 1,
    weights: Annotated[Optional[str], typer.Option(metavar="FILE", help="A network's weights.")] = None,  # noqa: UP045
    engine: Annotated[str, typer.Option(help="What computes a network.")] = "auto",
    device: Annotated[str, typer.Option(help="Where.")] = "auto",
    precision: PrecisionOption = "auto",
    prompts: PromptsOption = None,
    estimator: EstimatorOption = None,
    prior: PriorOption = None,
    features: FeaturesOption = None,
    fuse: FuseOption = None,
    fuse_weights: FuseWeightsOption = None,
    visible: VisibleOption = None,
    measure: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="NAME",
            help="Also suspect, niqe_thermal, lite0; or niqe, musiq, maniqa, maniqa-pipal, nima, lpips, lpips-vgg, dists.",
        ),
    ] = None,
    json_file: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--json", metavar="FILE", help="Write everything there, for programs."),
    ] = None,
) -> None:
    """Measure a method: how near its results come to the clean images."""
    from thermend.app.cli import evaluate as command
    from thermend.jobs.evaluate import Evaluate

    job = Evaluate(
        method, weights, engine, device, precision, prompts, preset, seed, scale, fuse_weights, tuple(measure or ()),
        estimator, prior, features,
    )  # fmt: skip
    raise typer.Exit(command.run(job, clean, degraded, dataset, fuse, visible, json_file, typer.echo))


@app.command(cls=SeveralValues)
def benchmark(
    methods: Annotated[
        list[str],
        typer.Option(metavar="[LABEL:]NAME[=FILE]...", help="As `thermend methods` lists them; =FILE has weights."),
    ],
    out: Annotated[str, typer.Option("-o", "--out", metavar="REPORT.html", help="Beside it come .jsonl and .md.")],
    clean: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="[NAME=]DIR...", help="Folders of clean images."),
    ] = None,
    presets: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME...", help="Degrade the clean images so; none leaves them as they are."),
    ] = None,
    degraded: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="[NAME=]DIR...", help="Folders of degraded images of the same names."),
    ] = None,
    dataset: DatasetOption = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the presets.")] = 0,
    scale: EvaluatedScaleOption = 1,
    measure: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME...", help="Also suspect, niqe_thermal, lite0, or pyiqa's, as evaluate has them."),
    ] = None,
    fuse: FuseOption = None,
    fuse_weights: FuseWeightsOption = None,
    visible: VisibleOption = None,
    pictures: Annotated[
        str, typer.Option(metavar="N|all", help="Images of each condition in the report; all go to a folder beside it.")
    ] = "5",
    engine: Annotated[str, typer.Option(help="What computes a network.")] = "auto",
    device: Annotated[str, typer.Option(help="Where.")] = "auto",
    precision: PrecisionOption = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Measure again what is measured.")] = False,
) -> None:
    """Compare methods: tables and pictures in one file that can be sent (needs the extra `train` for presets).

    What is in REPORT.jsonl is not measured again, so that a run that was interrupted goes on.
    """
    from pathlib import Path

    from thermend.app.cli import benchmark as command
    from thermend.evaluation.comparison import Comparison

    check_options(scale, fuse, fuse_weights, visible)
    comparison = Comparison(engine, device, precision, seed, scale, fuse_weights, tuple(measure or ()))
    images = command.Images(clean or (), presets or (), degraded or (), dataset, visible)
    raise typer.Exit(command.run(comparison, methods, images, Path(out), pictures, overwrite, typer.echo))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file; recipes/ has those of the papers.")],
    changes: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            metavar="[KEY=VALUE ...]", help="Keys of the recipe to change: data=DIR out=DIR generator.gate=0.5"
        ),
    ] = None,
) -> None:
    """Train a method as a recipe says, or go on with a run that was interrupted (needs the extra `train`)."""
    from thermend.app.cli import train as command

    raise typer.Exit(command.run(recipe, changes or [], typer.echo))


@app.command()
def export(
    method: Annotated[str, typer.Option(help="A method with a network, as `thermend methods` lists them.")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="MODEL.onnx", help="The file to write.")],
    weights: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILE", help="A checkpoint; by default the weights that ship."),
    ] = None,
    prompts: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILE.npz", help="Prompts that a checkpoint was trained with and does not hold."),
    ] = None,
    half: Annotated[
        bool,
        typer.Option("--half", help="Store the weights in half precision: half as large, computed with in single."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a network as ONNX, for engines and to train on (needs the extra `train`)."""
    from thermend.app.cli import export as command

    raise typer.Exit(command.run(method, weights, out, overwrite, typer.echo, prompts, half))


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes one that is free.")] = 8000,
    token: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="T",
            envvar="THERMEND_TOKEN",
            show_envvar=False,
            help="What a client has to know; better in THERMEND_TOKEN, since other users see command lines.",
        ),
    ] = None,
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME", help="A further name that the server is reached by (a proxy's); repeatable."),
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="The largest file that is taken.")] = 1024,
    max_pixels: Annotated[int, typer.Option(metavar="N", help="The largest image that is taken.")] = 50_000_000,
    queue: Annotated[int, typer.Option(metavar="N", help="Files that may wait.")] = 64,
    keep: Annotated[float, typer.Option(metavar="MINUTES", help="How long results are kept.")] = 30,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long one file may take.")] = 600,
    memory: Annotated[int, typer.Option(metavar="MB", help="How much memory one file may take.")] = 4096,
    storage: Annotated[int, typer.Option(metavar="MB", help="How much uploads and results may take together.")] = 16384,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that mend; one takes all cores.")] = 1,
) -> None:
    """Open a page to drop thermal files on, and a REST server (needs the extra `server`)."""
    from thermend.app.cli import serve as command
    from thermend.app.server.settings import Settings

    settings = Settings(
        host, port, token, tuple(allow_host or ()), max_upload, max_pixels, queue, keep, timeout, memory, storage, workers
    )  # fmt: skip
    raise typer.Exit(command.run(settings, typer.echo))


def run() -> None:
    """Entry point; every expected error becomes one line and an exit code."""
    signal.signal(signal.SIGTERM, executors.stop)
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
