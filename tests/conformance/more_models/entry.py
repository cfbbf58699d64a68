"""What is told of a model to more-models.py."""
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence

import torch


@dataclass
class Entry:
    # Gives a module to export, or a graph with the function that answers for it.
    make: Callable[[], Any]
    inputs: List[str]
    outputs: List[str]
    # Of each case the inputs in order; the first one is what the export sees.
    cases: Sequence[Sequence[torch.Tensor]]
    # Names of sizes that change, by input or output and axis.
    dynamic: Dict[str, Dict[int, str]] = field(default_factory=dict)
    opset: int = 14
    script: bool = False
    # Changes the exported graph; `answer(model, *inputs)` says what it gives then.
    # It has `exported` of the outputs; None: all.
    exported: Optional[int] = None
    after: Optional[Callable[[Any], Any]] = None
    answer: Optional[Callable[..., Any]] = None
    # The largest error, relative to the largest element of the answer.
    relative: float = 1e-4
    options: Dict[str, Any] = field(default_factory=dict)


def noise(seed, *shape):
    """Normal random numbers, the same ones in each run."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def below(seed, limit, *shape):
    """Random whole numbers from 0 on."""
    return torch.randint(0, limit, shape, generator=torch.Generator().manual_seed(seed))
