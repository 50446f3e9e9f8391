"""Where images come from: published layouts, and scenes that are rendered.

| module | what |
| --- | --- |
| `scenes` | random thermal scenes in kelvin, without end, clean and ours |
"""
