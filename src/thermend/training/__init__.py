"""What all recipes share. Needs the extra `train`.

| module | what |
| --- | --- |
| `recipe` | `Recipe`: a YAML file, checked before anything starts |
| `data` | clean images, brought to one convention; crops drawn by number, so that a run can be resumed anywhere |
| `module` | `TrainingModule`: what a method's training adds to; schedules, averaged weights, the watch over NaN |
| `on_device` | `OnDeviceTraining`: what trainings add to whose batches are drawn and damaged on the device |
| `draw`, `pool` | random numbers and clean images for those |
| `losses` | differentiable SSIM |
| `features` | pretrained features for perceptual losses |
| `callbacks` | sample pictures, measures on validation images, the progress bar |
| `run` | from a recipe to weights, or on from where a run was interrupted |

A method's training is a subclass of `TrainingModule` in the method's own folder, with its recipe beside it.
"""
