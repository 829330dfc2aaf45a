"""The demo's network in PyTorch, channels-last: steps on request. For train.py."""

import sys
import time

import torch
from torch import nn

STEPS = 8
BAGS, CANDIDATES = 16, 6


class Bag(nn.Module):
    """Window, three stages of convolution, norm and ReLU with pooling between, leaky noisy-or."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for channels in (16, 32, 64):
            stride = 2 if before == 1 else 1
            layers += [nn.Conv3d(before, channels, 3, stride, 1, bias=False)]
            layers += [nn.BatchNorm3d(channels, momentum=0.1), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool3d(2)] if channels < 64 else []
            before = channels
        self.encoder = nn.Sequential(*layers)
        self.score = nn.Linear(64, 1)
        self.leak = nn.Parameter(torch.tensor([-3.0]))

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        """HU int16 (bags, candidates, z, y, x) to logits (bags,)."""
        x = hu.reshape(-1, 1, *hu.shape[2:]).float()
        x = (x.clamp(-1000, 400) + 300) / 700
        x = self.encoder(x.contiguous(memory_format=torch.channels_last_3d))
        scores = self.score(x.amax((2, 3, 4))).reshape(-1, CANDIDATES)
        total = nn.functional.softplus(scores).sum(1) + nn.functional.softplus(self.leak)
        return total + torch.log(-torch.expm1(-total))


def main() -> None:
    """A line with the seconds of a step for each line on standard input."""
    edge = int(sys.argv[1])
    torch.manual_seed(1)
    network = Bag().to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-3)
    hu = torch.randint(-1000, 400, (2 * BAGS, CANDIDATES, edge, edge, edge), dtype=torch.int16)
    label = (torch.arange(2 * BAGS) % 2).float()
    for _ in sys.stdin:
        start = time.perf_counter()
        for number in range(STEPS):
            rows = slice(BAGS * (number % 2), BAGS * (number % 2 + 1))
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(network(hu[rows]), label[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        print((time.perf_counter() - start) / STEPS, flush=True)


if __name__ == "__main__":
    main()
