"""Methods compared on images: what is measured, on which images, with which result.

| module | what |
| --- | --- |
| `images` | an image file as evaluation sees it |
| `measures` | one image degraded, restored and measured; means over many |
| `reco` | ReCo, the fusion network that DEAL measures with |
"""
