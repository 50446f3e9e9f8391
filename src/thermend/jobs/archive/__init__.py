"""Archives: inputs and results in stores, and what was done of a million files.

| module | what |
| --- | --- |
| `objects` | from addresses to inputs, one after another, each with the place of its result |
| `staging` | one object: fetched, mended by the job that files are mended by, its results put |
| `arrow` | what tables and their files need |
| `manifest` | what became of every input, in parts that are added and never changed |
| `plan` | what of an archive is missing |
| `isolation` | a process beside a worker, in which a file may do its worst |
| `cluster` | the executor on Ray |
| `run` | all of it together |
| `summary`, `report` | what a manifest says: counts, failures, a page |
"""
