"""The shipped weights, each with its model card, and the reading of weights from anywhere: never by unpickling objects.

| module | what |
| --- | --- |
| `checkpoints` | tensors of a `.safetensors`, `.pt` or `.pth` file, or of an ONNX file of ours |
| `onnx_export` | a torch module as ONNX |
| `shipped`, `files/` | what comes with thermend |
"""
