"""Arrow and Parquet, of the extra ``cluster``."""

from __future__ import annotations

from thermend.errors import MissingDependencyError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingDependencyError(
        f"archives need more packages ({error.name} is missing): pip install 'thermend[cluster]'"
    ) from error

__all__ = ("pa", "pc", "pq")
