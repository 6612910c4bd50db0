"""The optimiser with orthogonal steps: its directions, its learning, and going on after a stop."""

import copy

import pytest
import torch
from torch import Tensor, nn

from models.muon import GATES, Muon, matrices_in, orthogonal
from models.zoo.lastframe import LastFrame
from tests.workshop.conftest import TINY


class Small(nn.Module):
    """A GRU, a convolution and a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, (2, 7))
        self.gru = nn.GRU(8, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, frames, bins) -> (frames - 1, batch, 2)."""
        return self.out(self.gru(self.conv(x).mean(3).permute(2, 0, 1))[0])


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (16, 16)])
def test_steps_are_orthogonal(shape: tuple[int, int]) -> None:
    """All singular values are near one, and directions are those of the matrix's own."""
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    result = orthogonal(matrix)
    assert result.shape == shape
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ result @ right.T
    off = inner - torch.diag(inner.diagonal())
    assert off.abs().max() < 1e-3


def test_what_counts_as_a_matrix() -> None:
    """Kernels, projections, and a GRU's gates one by one; no offsets, and nothing that is small."""
    network = Small()
    found = {id(weight): pieces for weight, pieces in matrices_in(network).items()}
    wanted = {
        id(network.conv.weight): 1,
        id(network.gru.weight_ih_l0): GATES,
        id(network.gru.weight_hh_l0): GATES,
    }
    assert found == wanted
    whole = LastFrame()
    steps = {id(weight) for weight in matrices_in(whole)}
    assert not any(id(place) in steps for place in [*whole.places, whole.out_place])
    assert sum(w.numel() for w in matrices_in(whole)) > 0.9 * sum(
        p.numel() for p in whole.parameters()
    )


def test_a_step_is_as_long_as_adams() -> None:
    """Steps are about 0.2 times the rate (root mean square), however long gradients are."""
    torch.manual_seed(0)
    network = Small()
    before = network.conv.weight.detach().clone()
    optimizer = Muon(network, lr=0.1)
    for scale in (1e-4, 1e4):
        network.conv.weight.grad = scale * torch.randn_like(before)
        with torch.no_grad():
            network.conv.weight.copy_(before)
        optimizer.state.clear()
        optimizer.step()
        change = (network.conv.weight.detach() - before).square().mean().sqrt()
        assert float(change) == pytest.approx(0.1 * 0.2, rel=0.3)


def test_it_learns() -> None:
    """It fits a function that the network can tell."""
    torch.manual_seed(0)
    network = Small()
    x, wanted = torch.randn(4, 1, 9, 12), torch.randn(8, 4, 2)
    optimizer = Muon(network, lr=0.02)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (network(x) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_it_goes_on_where_it_stopped() -> None:
    """Four steps are two, saved and loaded, and two more, to the bit."""

    def steps(network: nn.Module, optimizer: Muon, numbers: range) -> None:
        for number in numbers:
            torch.manual_seed(number)
            optimizer.zero_grad()
            x = torch.rand(1, 2, 4, 1025)
            network(x, *network.initial_states())[0].square().mean().backward()
            optimizer.step()

    torch.manual_seed(0)
    whole = LastFrame(**TINY)
    halves = copy.deepcopy(whole)
    steps(whole, Muon(whole, lr=1e-2, weight_decay=1e-2), range(4))
    first = Muon(halves, lr=1e-2, weight_decay=1e-2)
    steps(halves, first, range(2))
    second = Muon(halves, lr=1e-2, weight_decay=1e-2)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(halves, second, range(2, 4))
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, halves.state_dict()[name]), name
