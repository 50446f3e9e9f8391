"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from thermend.errors import UsageError

_INPUTS = "Files, folders (searched through), globs or addresses (s3://, gs://, az://)"
Inputs = Annotated[list[str], typer.Argument(metavar="INPUT...", help=f"{_INPUTS}.")]
PipedInputs = Annotated[list[str], typer.Argument(metavar="INPUT...", help=f"{_INPUTS}; - is standard input.")]
UnitOption = Annotated[
    Optional[str],  # noqa: UP045 (typer reads the annotation on Python 3.10)
    typer.Option(
        "--unit", help="What the stored numbers are: celsius, kelvin, centikelvin (TLinear), fahrenheit, counts."
    ),
]
PaletteOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--input-palette", help="Palette of coloured inputs, if it is not recognised; black-hot if hot is dark."
    ),
]
EmissivityOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--emissivity", help="Instead of that in a radiometric JPEG, 0 to 1."),
]
ReflectedOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--reflected-temperature", help="Instead of that in a radiometric JPEG, degrees Celsius."),
]
DistanceOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--distance",
        metavar="METRES|range-finder",
        help="Instead of that in a radiometric file; or as it was measured.",
    ),
]
KelvinPerCountOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--kelvin-per-count", metavar="K", help="Of counts that are linear in temperature: °C = K · count + C."
    ),
]
OffsetOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option("--offset", metavar="C", help="Of the same; -273.15 if left out."),
]
BandOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--band", metavar="N", help="Of a file that holds several bands, from 1."),
]
PrecisionOption = Annotated[
    str, typer.Option(help="Of a network: float32, or bf16 (faster, exact to a grey level); auto takes float32.")
]
PromptsOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="FILE", help="Of a prompted network: what to remove (.json), or its prompts (.npz)."),
]
EstimatorOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="FILE", help="Of hidra/sd-turbo: the estimator that goes with the weights (DEM.pkl)."),
]
PriorOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME|DIR", help="Of hidra/sd-turbo: the Stable Diffusion; a name may be downloaded."),
]
FeaturesOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="NAME|DIR", help="Of hidra/sd-turbo: the DINOv2 of its estimator; a name may be downloaded."),
]
DatasetOption = Annotated[
    Optional[tuple[str, str]],  # noqa: UP045
    typer.Option(metavar="NAME DIR", help="hm-tir or sober-drunk, or a tree of that layout."),
]
FuseOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="reco", help="Fuse results with visible images, and measure those."),
]
FuseWeightsOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="FILE", help="The fusion network's parameters."),
]
VisibleOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="DIR", help="Visible images of the same names."),
]
EvaluatedScaleOption = Annotated[
    int, typer.Option(help="Reduce the degraded images by 2 or 4, and restore their size.")
]
HostOption = Annotated[str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")]
PortOption = Annotated[int, typer.Option(help="0 takes one that is free.")]
TokenOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="T",
        envvar="THERMEND_TOKEN",
        show_envvar=False,
        help="What a client has to know; better in THERMEND_TOKEN, since other users see command lines.",
    ),
]
AllowHostOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(metavar="NAME", help="A further name that the server is reached by (a proxy's); repeatable."),
]
MaxUploadOption = Annotated[int, typer.Option(metavar="MB", help="The largest file that is taken.")]
MaxPixelsOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="N", help="Larger images are refused before they are decoded; 200,000,000 by default."),
]
ServedPixelsOption = Annotated[int, typer.Option("--max-pixels", metavar="N", help="The largest image that is taken.")]
QueueOption = Annotated[int, typer.Option(metavar="N", help="Files that may wait.")]
KeepOption = Annotated[float, typer.Option(metavar="MINUTES", help="How long results are kept.")]
TimeoutOption = Annotated[float, typer.Option(metavar="SECONDS", help="How long one file may take.")]
MemoryOption = Annotated[int, typer.Option(metavar="MB", help="How much memory one file may take.")]
StorageOption = Annotated[int, typer.Option(metavar="MB", help="How much uploads and results may take together.")]
WorkersOption = Annotated[int, typer.Option(metavar="N", help="Processes that mend; one takes all cores.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def reading_of(
    unit: str | None,
    kelvin_per_count: float | None,
    offset: float | None,
    band: int | None,
    palette: str | None,
    emissivity: float | None,
    reflected_temperature: float | None,
    distance: str | None,
    max_pixels: int | None,
) -> dict[str, Any]:
    """How files are to be read, for :class:`thermend.io.ReadOptions`."""
    most = {} if max_pixels is None else {"max_pixels": max_pixels}
    return {
        "unit": unit, "palette": palette, "emissivity": emissivity, "reflected_temperature": reflected_temperature,
        "distance": _metres(distance), "band": band, "kelvin_per_count": kelvin_per_count, "offset": offset,
        **most,
    }  # fmt: skip


def _metres(distance: str | None) -> float | str | None:
    """A distance as a number, where it is one."""
    try:
        return None if distance is None else float(distance)
    except ValueError:
        return distance


def check_options(scale: int, fuse: str | None, fuse_weights: str | None, visible: str | None) -> None:
    """Refuse what `evaluate` and `benchmark` do not take.

    Raises
    ------
    UsageError
        one is wrong, or goes with another
    """
    if scale not in (1, 2, 4):
        raise UsageError(f"--scale {scale}: expected 1, 2 or 4")
    if fuse not in (None, "reco"):
        raise UsageError(f"--fuse {fuse}: expected reco")
    if len({fuse is None, fuse_weights is None, visible is None}) != 1:
        raise UsageError("--fuse reco, --fuse-weights FILE and --visible DIR belong together")
