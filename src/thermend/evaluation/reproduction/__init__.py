"""The papers' tables, measured: ``python -m thermend.evaluation.reproduction SYSTEM --data DIR`` fills a system's page.

| module | what |
| --- | --- |
| `experiments` | what a system's tables are, read from `deal.yaml`, `hidra.yaml`, ... beside it |
| `tables` | an experiment measured, its rows beside the paper's, and whether each claim held |
| `training` | a table of recipes: trained with every seed, measured, beside the first |
| `page` | the places of a page that a command fills |

A new table is an entry in a YAML file and a place, ``<!-- NAME -->`` to ``<!-- end NAME -->``, in the page.
"""
