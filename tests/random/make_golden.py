"""Record what PyTorch draws: `python -m tests.random.make_golden`, with PyTorch 2.13.0 installed.

It stops on a machine where PyTorch takes `bernoulli_` and `exponential_` from another generator, as on some of Intel's.
The file says which version made it.
"""

import json
from pathlib import Path

from tests.random.sequences import elsewhere, fixed, run

GOLDEN = Path(__file__).with_name("golden.json")


def main() -> None:
    import torch

    if elsewhere(torch):
        raise SystemExit("PyTorch does not draw everything from its own generator here")
    recorded = [{**sequence, **run(torch, sequence)} for sequence in fixed()]
    states = []
    for seed, drawn in ((5, 0), (5, 1), (5, 623), (5, 624), (5, 625)):
        torch.manual_seed(seed)
        torch.rand(drawn)
        state = torch.get_rng_state()
        states.append({"seed": seed, "drawn": drawn, "header": state[:24].tolist(), "sum": int(state.long().sum())})
    lines = [json.dumps(entry) for entry in recorded]
    text = '{"torch": %s,\n"states": %s,\n"sequences": [\n%s\n]}\n'
    GOLDEN.write_text(text % (json.dumps(torch.__version__), json.dumps(states), ",\n".join(lines)))


if __name__ == "__main__":
    main()
