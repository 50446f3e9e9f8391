"""A manifest as one HTML page that asks nothing of any host."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.jobs.archive import manifest
from thermend.jobs.archive.summary import Summary
from thermend.version import __version__

MARK = '<meta name="generator" content="thermend archive">'
"""By which a report is known as one, and may be made anew."""
WORST, REASONS = 10, 20
"""Rows that are shown."""
_SHOWN = (
    ("noise_sigma", "Noise", "grey levels of 255"),
    ("stripe_sigma", "Stripes", "grey levels of 255"),
    ("blur_sigma", "Blur", "pixels"),
    ("nonuniformity", "Shading", "grey levels of 255"),
    ("dead_pixels", "Dead pixels", "an image"),
    ("contrast", "Contrast", "share of the range in use"),
)
_BINS = 24


def as_html(summary: Summary, out: str) -> str:
    """The page.

    Parameters
    ----------
    summary : Summary
    out : str
        what it is of, as the reader knows it
    """
    outcomes = summary.outcomes
    done, failed = (outcomes.get(name, 0) for name in (manifest.DONE, manifest.FAILED))
    figures = [
        ("inputs", f"{len(summary.latest):,}"), ("mended", f"{done:,}"), ("failed", f"{failed:,}"),
        ("core-hours", f"{summary.core_hours:,.2f}"),
        ("data read", _bytes(sum(size or 0 for size in summary.latest["size"].to_pylist()))),
    ]  # fmt: skip
    folder = files("thermend.jobs.archive") / "report_page"
    page = (folder / "page.html").read_text(encoding="utf-8")
    parts = {
        "mark": MARK,
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "title": html.escape(out),
        "version": __version__,
        "figures": "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures),
        "made_by": _table(
            ("method", "version", "weights", "inputs"),
            [(*what, f"{number:,}") for what, number in summary.made_by().most_common()],
        ),
        "reasons": _reasons(summary),
        "diagnosis": "".join(_distribution(summary.diagnosis(name), title, unit) for name, title, unit in _SHOWN),
        "worst": _worst(summary),
        "runs": _runs(summary),
    }
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text)
    return page


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def _table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _reasons(summary: Summary) -> str:
    found = summary.reasons.most_common()
    if not found:
        return "<p>None failed.</p>"
    more = f"<p>and {len(found) - REASONS} more</p>" if len(found) > REASONS else ""
    return _table(("inputs", "reason"), [(f"{number:,}", reason) for reason, number in found[:REASONS]]) + more


def _distribution(values: NDArray[Any], title: str, unit: str) -> str:
    """A histogram, up to the 99th percentile, with its median and 95th."""
    known = values[np.isfinite(values)]
    if not known.size:
        return ""
    middle, high, top = np.percentile(known, [50, 95, 99])
    top = float(max(top, 1e-3))
    counts, _ = np.histogram(np.minimum(known, top), _BINS, (0, top))
    bars = "".join(
        f'<rect x="{10 * place:.0f}" y="{80 - 80 * number / counts.max():.1f}" width="9" '
        f'height="{80 * number / counts.max():.1f}"><title>{number:,} inputs</title></rect>'
        for place, number in enumerate(counts)
    )
    said = f"median {middle:.3g}, 95 % below {high:.3g}"
    label = html.escape(f"{title}: {said} {unit}")
    return (
        f'<figure><svg viewBox="0 0 {10 * _BINS} 80" preserveAspectRatio="none" role="img" aria-label="{label}">{bars}</svg>'
        f"<figcaption><strong>{title}</strong> 0 to {top:.3g} {unit}<br>{said}</figcaption></figure>"
    )


def _worst(summary: Summary) -> str:
    """The inputs with the most noise, stripes and blur."""
    names = summary.latest["input"].to_pylist()
    parts = []
    for name, title, unit in _SHOWN[:3]:
        values = summary.diagnosis(name)
        order = [int(at) for at in np.argsort(-np.nan_to_num(values, nan=-np.inf))[:WORST] if np.isfinite(values[at])]
        if order:
            rows = [(f"{values[at]:.3g}", names[at]) for at in order]
            parts.append(f"<h3>{title}</h3>" + _table((unit, "input"), rows))
    return "".join(parts) or "<p>No input was diagnosed.</p>"


def _runs(summary: Summary) -> str:
    rows = [
        (
            run.name, f"{run.first:%Y-%m-%d %H:%M:%S}", f"{run.last:%Y-%m-%d %H:%M:%S}", f"{run.inputs:,}", f"{run.failed:,}",
            "" if run.per_minute is None else f"{run.per_minute:,.1f}", f"{run.core_hours:,.3f}",
        )
        for run in summary.runs
    ]  # fmt: skip
    return _table(("run", "first done (UTC)", "last done", "inputs", "failed", "a minute", "core-hours"), rows)
