"""An optimiser whose steps on matrices are orthogonal: Muon, by Keller Jordan (2024).

The step of a matrix is its momentum with all singular values near one, found by a few rounds of
a polynomial, and as long as AdamW's steps usually are (Liu et al. 2025), so that both take the same
learning rates. What is not a matrix is stepped by Adam. Kernels of convolutions are matrices of
outputs by all else; torch.optim.Muon takes none.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ROUNDS = 5
POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # of odd powers; takes (0, 1] near 1 quickest
MOMENTUM = 0.95
STEP = 0.2  # root mean square of AdamW's steps, as measured by Liu et al.
BETAS, TINY = (0.9, 0.999), 1e-8  # of Adam
SMALLEST = 8  # sides below this make no matrix
GATES = 3  # a GRU keeps the matrices of its gates in one


def orthogonal(matrix: Tensor) -> Tensor:
    """Give the matrix with singular values of about one, (rows, columns)."""
    a, b, c = POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + TINY)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


def matrices_in(network: nn.Module) -> dict[Tensor, int]:
    """Give the weights that are matrices, and of how many, one above the other, each is made."""
    gates = {
        weight
        for module in network.modules()
        if isinstance(module, nn.GRU)
        for name, weight in module.named_parameters()
        if "weight" in name
    }
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    weights = {module.weight for module in network.modules() if isinstance(module, layers)} | gates
    return {
        weight: GATES if weight in gates else 1
        for weight in weights
        if min(weight.shape[0], weight[0].numel()) >= SMALLEST
    }


class Muon(torch.optim.Optimizer):
    """Orthogonal steps for matrices, Adam for all else.

    Parameters
    ----------
    network : whose parameters are stepped
    lr, weight_decay : as AdamW takes them
    """

    def __init__(self, network: nn.Module, lr: float, weight_decay: float = 0.0) -> None:
        self._matrices = matrices_in(network)
        parameters: Iterable[Tensor] = network.parameters()
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Take a step along the gradients; what has none stays."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(self._direction(weight), alpha=-group["lr"])

    def _direction(self, weight: Tensor) -> Tensor:
        state, gradient = self.state[weight], weight.grad
        pieces = self._matrices.get(weight)
        if not state:
            state["momentum"] = torch.zeros_like(weight)
            if pieces is None:
                state |= {"square": torch.zeros_like(weight), "steps": 0}
        momentum = state["momentum"]
        if pieces is not None:
            momentum.lerp_(gradient, 1 - MOMENTUM)
            ahead = gradient.lerp(momentum, MOMENTUM).flatten(1)
            parts = [
                orthogonal(part) * STEP * max(part.shape) ** 0.5 for part in ahead.chunk(pieces)
            ]
            return torch.cat(parts).view_as(weight)
        first, second = BETAS
        state["steps"] += 1
        momentum.lerp_(gradient, 1 - first)
        state["square"].lerp_(gradient.square(), 1 - second)
        spread = (state["square"] / (1 - second ** state["steps"])).sqrt()
        return momentum / (1 - first ** state["steps"]) / (spread + TINY)
