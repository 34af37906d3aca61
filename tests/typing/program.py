"""A program as users write it, read by type checkers alone: each `assert_type` is what an editor would show."""

from __future__ import annotations

from typing import assert_type

import numpy as np

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import Tensor, nn, optim
from rushlight.utils.data import DataLoader, Dataset, TensorDataset


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(self.conv(x))
        out += x
        return self.act(out)


class Squares(Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.full((1,), float(index)), index * index


def tensors() -> None:
    x = torch.zeros(2, 3)
    assert_type(x, Tensor)
    assert_type(torch.ones((2, 3), dtype=torch.float64), Tensor)
    assert_type(torch.tensor([[1.0, 2.0]], requires_grad=True), Tensor)
    assert_type(torch.randn(2, 3, device="cpu"), Tensor)
    assert_type(torch.arange(4), Tensor)
    assert_type(x + 1, Tensor)
    assert_type(1 - x, Tensor)
    assert_type(x @ x.t(), Tensor)
    assert_type(x > 0, Tensor)
    assert_type(-x, Tensor)
    assert_type(x[0, :2], Tensor)
    assert_type(x.shape[0], int)
    assert_type(x.shape, torch.Size)
    assert_type(x.size(), torch.Size)
    assert_type(x.size(0), int)
    assert_type(x.dtype, torch.dtype)
    assert_type(x.ndim, int)
    assert_type(len(x), int)
    assert_type(x.T, Tensor)
    assert_type(x.view(-1).relu().sum(dim=0, keepdim=True), Tensor)
    assert_type(x.reshape(3, 2).permute(1, 0).contiguous(), Tensor)
    assert_type(x.max(1).indices, Tensor)
    assert_type(x.max(), Tensor)
    assert_type(x.sort(descending=True).values, Tensor)
    assert_type(torch.topk(x, 2).values, Tensor)
    assert_type(torch.cat([x, x], dim=1), Tensor)
    assert_type(torch.where(x > 0, x, 0.0), Tensor)
    assert_type(torch.exp(x, out=torch.empty(0)), Tensor)
    assert_type(torch.equal(x, x), bool)
    assert_type(x.float().to(torch.float16).to("cpu"), Tensor)
    assert_type(x.numpy(), np.ndarray)
    assert_type(torch.from_numpy(np.zeros(3)), Tensor)
    assert_type(x.requires_grad_().requires_grad, bool)
    assert_type(x.grad, Tensor | None)
    x.add_(1).mul_(2).clamp_(min=0)
    x[:, 0] = 0
    for row in x:
        assert_type(row, Tensor)
    loss = (x * x).mean()
    loss.backward()
    print(float(loss), loss.item(), x.tolist())
    first, _second = x.chunk(2)
    assert_type(first, Tensor)
    torch.manual_seed(0)
    with torch.no_grad():
        y = x * 2
    assert_type(y, Tensor)
    torch.save({"x": x}, "x.pt")


def training() -> None:
    model = nn.Sequential(Block(3), nn.Flatten(), nn.LazyLinear(10))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10)
    loader = DataLoader(TensorDataset(torch.randn(8, 3, 4, 4), torch.randint(10, (8,))), batch_size=4, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    logits = F.softmax(F.max_pool2d(torch.randn(1, 3, 4, 4), 2).flatten(1), dim=1)
    assert_type(logits, Tensor)
    assert_type(F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)), Tensor)
    weight = nn.Parameter(torch.empty(3, 5))
    nn.init.kaiming_normal_(weight)
    state = model.state_dict()
    model.load_state_dict(state)
    print(len(Squares()), torch.summary(model, ("N", 3, 4, 4)), torch.output_shape(model, (1, 3, 4, 4)))
