"""The smallest task there is: a line through points. Run as a program, it trains in several processes.

python training_toy.py FOLDER PROCESSES
"""

import sys
from pathlib import Path

import torch

from videopose.models.zoo import Weights
from videopose.training.loop import train
from videopose.training.options import LoopOptions, OptimiserOptions


def steps_on_one_batch(task, size, *, rate, steps, change=None):
    """Train a task's network on one batch; the loss and the named parts of each step."""
    model = task.build().train()
    batch = task.batch(0, range(size), torch.device("cpu"), progress=0.0)
    if change is not None:
        change(batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    found = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss, parts = task.loss(model, batch)
        loss.backward()
        optimiser.step()
        found.append((loss.item(), {name: float(value) for name, value in parts.items()}))
    return found


class Line:
    """Fits y = 2x - 1 from rows that are a function of their number."""

    monitor = "score"
    calls = 0

    def build(self):
        return torch.nn.Linear(3, 1)

    def batch(self, step, rows, device, progress):
        rows = [torch.randn(3, generator=torch.Generator().manual_seed(100 * step + row)) for row in rows]
        x = torch.stack(rows).to(device)
        return {"x": x, "y": 2 * x.sum(1, keepdim=True) - 1}

    def loss(self, model, batch):
        return ((model(batch["x"]) - batch["y"]) ** 2).mean(), {}

    def describe(self, name):
        return Weights(f"hrnet_w32.{name}", "")

    def evaluate(self, model, device):
        return {"score": -float(model.weight.sub(2).abs().max())}


def run(folder, *, task=None, resume=False, **loop):
    """Train six steps of eight rows and give back the scores."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"steps": 6, "batch_size": 8, "precision": "32-true", "threads": 1, "device": "cpu", "evaluate_every": 3}
    options = OptimiserOptions(name="sgd", learning_rate=0.05, warmup_steps=0)
    return train(task or Line(), LoopOptions(**(values | loop)), options, folder, resume=resume)


if __name__ == "__main__":
    run(Path(sys.argv[1]), processes=int(sys.argv[2]))
