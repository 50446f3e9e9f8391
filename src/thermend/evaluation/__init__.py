"""Methods compared on images: what is measured, on which images, with which result.

| module | what |
| --- | --- |
| `images` | clean, degraded and visible images by their names; HM-TIR's layout |
| `measures` | one image degraded, restored and measured; means over many |
| `reco` | ReCo, the fusion network that DEAL measures with |
"""
