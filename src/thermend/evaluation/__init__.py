"""Methods compared on images: what is measured, on which images, with which result.

| module | what |
| --- | --- |
| `images` | an image file as evaluation sees it |
| `measures` | one image degraded, restored and measured; means over many |
| `reco` | ReCo, the fusion network that DEAL measures with |
| `comparison` | methods × conditions × images: what is to be measured |
| `records` | what was measured, in a file that is added to |
| `tables` | means, who is ahead, Markdown |
| `choice`, `report`, `report_page` | which images are shown; the HTML file, and what it is made of |
| `detection` | a detector on mended images, and how many people and cars it finds |
| `agreement` | depth and segmentation: a user's network on mended images beside the clean ones |
| `onnx_picture` | a user's network that takes a picture |
| `scripts` | how the commands of this floor end |
| `reproduction` | the papers' tables, as data, and their places in the pages |
"""
