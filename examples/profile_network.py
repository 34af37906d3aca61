"""Where the time of a training step goes.

    python examples/profile_network.py
    python examples/profile_network.py --trace trace.json     # and open it in ui.perfetto.dev

Prints the operations of a small network's training step with their time, their bytes, their share of what this machine
can do at most, and the memory that they take; then the same by modules.
"""

import argparse

import rushlight as torch
from rushlight import nn
from rushlight.profiler import profile, record_function, schedule


def block(channels: int, out: int, stride: int) -> nn.Sequential:
    """Convolution, normalisation, activation."""
    layer = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


def main(arguments: list[str] | None = None) -> profile:
    """Train for a few steps, of which the last two are recorded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--trace", help="a file for ui.perfetto.dev")
    args = parser.parse_args(arguments)

    torch.manual_seed(0)
    net = nn.Sequential(block(3, 32, 1), block(32, 64, 2), block(64, 128, 2), nn.Flatten(), nn.LazyLinear(10))
    images, labels = torch.randn(args.batch_size, 3, 32, 32), torch.randint(10, (args.batch_size,))
    net(images)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

    # One step compiles the kernels, one warms up, two count.
    when = schedule(wait=1, warmup=1, active=2, repeat=1)
    with profile(schedule=when, profile_memory=True, with_modules=True) as prof:
        for _ in range(4):
            with record_function("forward"):
                loss = nn.functional.cross_entropy(net(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            prof.step()

    averages = prof.key_averages()
    print(averages.table(sort_by="self_cpu_time_total", row_limit=args.rows))
    print("By modules, forward:")
    modules = [row for row in averages.sorted_by("cpu_time_total") if row.key.startswith("nn.Module")]
    for row in modules[: args.rows]:
        print(f"  {row.cpu_time / 1e3:8.2f} ms  {row.key}")
    if args.trace:
        prof.export_chrome_trace(args.trace)
    return prof


if __name__ == "__main__":
    main()
