"""Objects found in mended images: whether mending helps those who look for people and cars (DEAL, Table 8 and Fig. 9).

| module | what |
| --- | --- |
| `network` | a compact centre-point network (torch), and what it is taught |
| `training` | its training on clean images with boxes |
| `detectors` | that network, or any ONNX detector, from a picture to boxes |
| `scores` | average precision (pycocotools), and how sure it is |
| `comparison` | a detector on images as they are, damaged, and mended by each method |

``python -m thermend.evaluation.detection train|compare`` runs them.
"""
