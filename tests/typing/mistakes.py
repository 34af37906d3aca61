"""Mistakes that type checkers find: each line that ends with `# wrong` is one."""

import rushlight as torch
from rushlight import nn

x = torch.zeros(2, 3)
torch.zeros("2")  # wrong
torch.does_not_exist(x)  # wrong
x.does_not_exist()  # wrong
x.sum(dimension=0)  # wrong
torch.relu([1.0])  # wrong
x.view("a")  # wrong
x.softmax()  # wrong
torch.exp(x, out=1.0)  # wrong
nn.Conv2d(3)  # wrong
nn.functional.relu(1.0)  # wrong
number: int = x.shape  # wrong
