"""Idioms of training code, read by type checkers alone."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np

import rushlight as torch


@torch.no_grad()
def doubled(x: torch.Tensor) -> torch.Tensor:
    return x * 2


class Net(torch.nn.Module):
    mask: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.out = torch.nn.Linear(3, 4)
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.register_buffer("mask", torch.ones(3))
        self.layers = torch.nn.ModuleList([torch.nn.Linear(3, 3) for _ in range(2)])

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return torch.nn.functional.relu(self.out(x * self.weight + self.mask)) * scale


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def train(net: Net, x: torch.Tensor) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    for a, b in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x), batch_size=2):
        loss = torch.nn.functional.cross_entropy(net(a), b.long(), reduction="mean")
        loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    for name, p in net.named_parameters():
        if p.grad is not None:
            p.grad.zero_()
        with torch.no_grad():
            p -= 0.1 * p
        assert_type(p.data, torch.Tensor)
        print(name)
    torch.save({"model": net.state_dict()}, "x.pt")
    net.load_state_dict(torch.load("x.pt")["model"])
    gradients = torch.autograd.grad(net(x).sum(), [net.weight])
    assert_type(gradients[0], torch.Tensor)


def operations(x: torch.Tensor) -> None:
    assert_type(doubled(x), torch.Tensor)
    assert_type(x[None, ..., 0], torch.Tensor)
    assert_type(x[x > 0], torch.Tensor)
    assert_type(2**x, torch.Tensor)
    assert_type(abs(x) // 2 % 3, torch.Tensor)
    print(np.asarray(x) + 1, np.ones(3) * x)
    rows: list[torch.Tensor] = [*x]
    assert_type(torch.stack(rows).mean((0, 1)), torch.Tensor)
    values, indices = x.topk(2)
    assert_type(values, torch.Tensor)
    assert_type(indices, torch.Tensor)
    first, second = torch.split(x, [1, 2])
    spread, mean = torch.std_mean(x, dim=0)
    print(first, second, spread, mean)
    handle = x.register_hook(lambda grad: grad * 2)
    handle.remove()
    assert_type(torch.as_tensor(np.zeros(3)).double().requires_grad_(True), torch.Tensor)
    assert_type(torch.einsum("ij,jk->ik", x, x), torch.Tensor)
    assert_type(torch.zeros_like(x, dtype=torch.int64), torch.Tensor)
    assert_type(torch.rand(2, 3, generator=torch.Generator().manual_seed(1)), torch.Tensor)
    print(x.is_contiguous(memory_format=torch.channels_last), torch.finfo(torch.float32).eps, torch.__version__)
    x += 1
    x /= 2
    x.clamp(0, 1).clamp_(max=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
    print(Square.apply(x))
