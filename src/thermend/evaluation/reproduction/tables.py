"""A table measured, and whether what it is to show held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
from PIL import Image

from thermend.datasets.samples import Sample, samples
from thermend.errors import ThermendError, UsageError
from thermend.evaluation import records, tables
from thermend.evaluation.comparison import Asked, Comparison, Condition, Item
from thermend.evaluation.images import grey, spread
from thermend.evaluation.records import UNDAMAGED, Record
from thermend.evaluation.reproduction.experiments import Claim, Measured, Scale, Table
from thermend.io.atomic import whole_file
from thermend.io.folders import image_files

_AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Given:
    """What a run is given.

    Attributes
    ----------
    data : Path
        folder that the sets lie below
    scale : {"smoke", "small", "paper"}
    weights : mapping
        files by the names that tables know them by
    fuse_weights : str or None
    runs : Path
        folder of what is made on the way, below one for each scale
    engine : str
        as for :func:`thermend.load`
    precision : str or None
        of networks; None, that in which a table was measured, which may need a device that computes bf16
    """

    data: Path
    scale: Scale
    weights: Mapping[str, str]
    fuse_weights: str | None
    runs: Path = Path("runs")
    engine: str = "auto"
    precision: str | None = None

    @property
    def made(self) -> Path:
        """Where what is made on the way at this scale lies."""
        return self.runs / self.scale


def asked(table: Table, weights: Mapping[str, str]) -> tuple[list[Asked], list[str]]:
    """The table's methods, and those that are left out since their weights were not given."""
    found, left = [], []
    for text in table.methods:
        method = Asked.of(text)
        if method.weights is None:
            found.append(method)
        elif method.weights in weights:
            found.append(method._replace(weights=weights[method.weights]))
        else:
            left.append(method.label)
    return found, left


def conditions(table: Measured, given: Given) -> list[Condition]:
    """The table's conditions, on so many images as the scale says. Where images are fused each set is one by itself.

    Raises
    ------
    UsageError
        a folder is missing, or holds none of the images
    """
    found = []
    for preset in table.presets:
        for name, place in table.sets.items():
            visible = table.visible.get(name)
            every = samples(given.data / place, None, None if visible is None else given.data / visible)
            usable = [sample for sample in every if sample.problem is None]
            if name in table.names:
                wanted = {path.stem for path in image_files(given.data / table.names[name])}
                usable = [sample for sample in usable if sample.clean.stem in wanted]
            condition = preset if visible is None else f"{name}, {_AS_IT_IS if preset == UNDAMAGED else preset}"
            if not usable:
                raise UsageError(f"{given.data / place}: none of the images of {table.place}")
            chosen = spread(usable, table.images.get(given.scale))
            if table.shorter_side is not None:
                folder = given.made / f"{name}-{table.shorter_side}"
                chosen = [_smaller(sample, folder, table.shorter_side) for sample in chosen]
            found.append(Condition(name, condition, preset, chosen))
    return found


def _smaller(sample: Sample, folder: Path, side: int) -> Sample:
    """A sample whose clean image is a picture of another size."""
    pixels = grey(sample.clean)
    scale = side / min(pixels.shape)
    size = [round(length * scale) for length in pixels.shape[::-1]]
    path = folder / Path(sample.name).with_suffix(".png")
    picture = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    with whole_file(path, overwrite=True) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
    return replace(sample, clean=path)


def measured(
    table: Table, given: Given, store: Path | None, say: Callable[[str], None]
) -> tuple[list[Record], list[str]]:
    """The table's records, and lines of what is missing; what the store holds already is not measured again.

    Raises
    ------
    ThermendError
        nothing could be begun
    """
    methods, left = asked(table, given.weights)
    found, missing = compared(table, methods, given, store, say)
    return found, [*(f"{label}: its weights were not given" for label in left), *missing]


def compared(
    table: Measured, methods: Sequence[Asked], given: Given, store: Path | None, say: Callable[[str], None]
) -> tuple[list[Record], list[str]]:
    """As :func:`measured`, of these methods."""
    fuse = given.fuse_weights if table.visible else None
    if table.visible and fuse is None:
        raise UsageError(f"{table.place}: needs --fuse-weights FILE")
    comparison = Comparison(
        given.engine, precision=given.precision or table.precision, fuse_weights=fuse, learned=table.learned
    )
    places = conditions(table, given)
    missing: list[str] = []
    settings = comparison.settings(methods, table.presets)
    items = list(comparison.items(settings, places))
    known = {} if store is None else records.read(store)
    fused = comparison.fusion()
    file = None if store is None else records.Appending(store)
    try:
        for number, item in enumerate(items, 1):
            if item.case in known:
                continue
            try:
                known[item.case] = record = _record(comparison, item, fused)
            except ThermendError as error:
                missing.append(f"{item.case.method}, {item.case.image}: {error}")
                continue
            if file is not None:
                file.add(record)
            say(f"{table.place} {number} of {len(items)}: {item.case.condition}, {item.case.image}, {item.case.method}")
    finally:
        if file is not None:
            file.close()
    return [known[item.case] for item in items if item.case in known], missing


def _record(comparison: Comparison, item: Item, fused: Callable[..., object] | None) -> Record:
    found = comparison.measured(item, fused)  # type: ignore[arg-type]
    return Record(item.case, found.metrics, found.input_metrics, found.seconds)


def lines(table: Table, found: Sequence[Record], missing: Sequence[str], scale: str) -> list[str]:
    """The table in Markdown, the paper's rows among ours, and below it each claim."""
    paper = {condition: (table.source, values) for condition, values in table.paper.items()}
    made = tables.summary(found, table.measures, seconds=False, beside=paper)
    rows = tables.rows(found)
    return [f"{counts(found)}; scale `{scale}`.", "", *made, *told(table, rows, missing)]


def counts(found: Sequence[Record]) -> str:
    """How many images of which sets."""
    images = {(record.case.images, record.case.image): None for record in found}
    return ", ".join(
        f"{sum(name == of for of, _ in images)} of {name}" for name in dict.fromkeys(of for of, _ in images)
    )


def told(table: Measured, rows: Sequence[tables.Row], missing: Sequence[str]) -> list[str]:
    """What became of a table's claims, and what is missing."""
    claims = [f"- {claim.says}: {verdict(claim, rows)}." for claim in table.claims]
    return [*claims, *(f"- left out: {line}" for line in missing)]


def verdict(claim: Claim, rows: Sequence[tables.Row]) -> str:
    """In how many conditions a claim held, and in which it did not."""
    there = claim.conditions or tuple(dict.fromkeys(row.condition for row in rows))
    values = {(row.condition, row.method): row.means for row in rows}
    failed = []
    for condition in there:
        for name in claim.measures:
            own = values.get((condition, claim.method), {}).get(name)
            for rival in claim.beside:
                other = values.get((condition, rival), {}).get(name)
                title = tables.of(name).title
                if own is None or other is None:
                    failed.append(f"{tables.named(condition)} ({title} of {rival} not measured)")
                elif (own - other) * tables.of(name).better <= 0:
                    told = f"{title} {tables.written(name, own)}, {rival} {tables.written(name, other)}"
                    failed.append(f"{tables.named(condition)} ({told})")
    asked = len(there) * len(claim.measures) * len(claim.beside)
    return (
        f"held in all {asked} comparisons"
        if not failed
        else f"did not hold in {len(failed)} of {asked}: {'; '.join(failed)}"
    )
