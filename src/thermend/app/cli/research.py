"""The commands of those who measure and train; `main` has those of everybody."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from thermend.app.cli.options import (
    DatasetOption,
    EstimatorOption,
    EvaluatedScaleOption,
    FeaturesOption,
    FuseOption,
    FuseWeightsOption,
    Inputs,
    PrecisionOption,
    PriorOption,
    PromptsOption,
    VisibleOption,
    check_options,
)
from thermend.jobs import interruption


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
    from thermend.app.cli.addresses import copies

    interruption.heed()
    with copies(inputs, out, overwrite=overwrite) as local:
        code = command.run(local.inputs, local.out, preset, seed, layout, overwrite, local.say)
    raise typer.Exit(code or min(local.failed, 1))


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

    interruption.heed()
    job = Evaluate(
        method, weights, engine, device, precision, prompts, preset, seed, scale, fuse_weights, tuple(measure or ()),
        estimator, prior, features,
    )  # fmt: skip
    raise typer.Exit(command.run(job, clean, degraded, dataset, fuse, visible, json_file, typer.echo))


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
    count: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--images", metavar="N", min=1, help="Of each folder, evenly over the names; all if not said."),
    ] = None,
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

    interruption.heed()
    check_options(scale, fuse, fuse_weights, visible)
    comparison = Comparison(engine, device, precision, seed, scale, fuse_weights, tuple(measure or ()))
    images = command.Images(clean or (), presets or (), degraded or (), dataset, visible, count)
    raise typer.Exit(command.run(comparison, methods, images, Path(out), pictures, overwrite, typer.echo))


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

    interruption.heed()
    raise typer.Exit(command.run(recipe, changes or [], typer.echo))


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

    interruption.heed()
    raise typer.Exit(command.run(method, weights, out, overwrite, typer.echo, prompts, half))
