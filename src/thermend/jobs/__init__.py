"""Much work: inputs, what is done to each, outputs; with progress, and an end that can be asked for.

| module | what |
| --- | --- |
| `job` | what a job is, and the record of what became of one input |
| `sources`, `sinks` | which files, and where results go |
| `executors` | run a job here, or in processes |
| `enhance`, `compare` | images mended, and pictures beside the results |
| `diagnose`, `degrade`, `evaluate` | images diagnosed, degraded, measured |

A job is data that can be sent to another process; what it needs there it loads there.
"""
