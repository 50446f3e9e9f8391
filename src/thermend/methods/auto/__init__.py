"""`auto`: what the diagnosis calls for, in the reverse of the camera's order.

Classical methods come first: a stripe is one number, a dead pixel one place, and a method that knows that is hard to
beat. What no formula has is left to two networks: one takes off noise, fixed pattern, what stripes left, and blur, as
far as a piece of the image tells them from the scene; the other sees the whole image in small, and brings back level,
contrast and what the lens shaded. Faint texture that the first takes for noise comes back from what a filter keeps.
Temperatures keep to filters, which are better there still. Without networks (`classical.chain`) classical methods do all.

| module | what |
| --- | --- |
| `plan` | the steps that a diagnosis calls for |
| `chain` | what is planned, carried out |
| `texture` | what the network and a filter make of one image, weighed |
| `evidence` | what counts as lost contrast |
| `helpers` | the networks, found by what they can do |

What a step does lies in `thermend.methods.steps`. A chain asks what methods can do, and knows none by name.
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo

_BOTH = ("radiometric", "display")

METHODS = (
    MethodInfo(
        "auto",
        None,
        _BOTH,
        "what the diagnosis asks for: classical methods, then networks for detail and for level",
        "thermend.methods.auto.chain:Auto",
        licence="CC-BY-4.0 AND CC0-1.0",
    ),
    MethodInfo(
        "classical.chain",
        None,
        _BOTH,
        "the classical chain that the diagnosis asks for",
        "thermend.methods.auto.chain:ClassicalChain",
    ),
)
