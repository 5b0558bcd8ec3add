"""Simulate the planner on many machines: `python -m videopose.eval.benchmarks.fleet [--nodes 1000 --videos 10000]`.

Lengths of videos are log-normal, nodes die and are replaced, some are slow throughout. No video is read: the planner
alone is asked, as by a real run, and events follow one another in a queue.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from heapq import heappop, heappush

import numpy as np

from videopose.fleet.plan import Planner, Task, units_wanted


@dataclass(frozen=True)
class World:
    """What is simulated.

    Attributes:
        nodes: workers.
        videos: clips.
        median: seconds of work of the median video on a usual node.
        sigma: of the lengths' logarithm.
        deaths: share of nodes that die within an hour.
        replaced: seconds until a dead node is replaced.
        slow: share of nodes that are slow.
        slowness: how many times slower.
        opening: seconds to open a clip, the first and every other time.
        joining: share of a clip's work that its end takes.
        seed: of all random numbers.
    """

    nodes: int = 1000
    videos: int = 10000
    median: float = 1800.0
    sigma: float = 1.0
    deaths: float = 0.01
    replaced: float = 120.0
    slow: float = 0.01
    slowness: float = 5.0
    opening: float = 2.0
    joining: float = 0.002
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        makespan: seconds until the last clip was done.
        bound: seconds below which nobody can stay: work by nodes, or the longest video where it is not cut.
        ratio: of the two.
        work: seconds of all videos on a usual node.
        longest: seconds of the longest video.
        units: how many there were.
        times: how often a unit was begun on average.
        lost: units or clips that were never done.
        deaths: of nodes.
        wall: seconds the simulation took.
    """

    makespan: float
    bound: float
    ratio: float
    work: float
    longest: float
    units: int
    times: float
    lost: int
    deaths: int
    wall: float


def simulate(world: World, *, cut: bool = True) -> Outcome:
    """Run the planner through a simulated job.

    Args:
        world: what is simulated.
        cut: whether clips are cut into units; otherwise each is one.
    """
    return _Simulation(world, cut=cut).run()


class _Simulation:
    def __init__(self, world: World, *, cut: bool) -> None:
        self.world, self.cut = world, cut
        self.rng = np.random.default_rng(world.seed)
        self.lengths = np.exp(self.rng.normal(np.log(world.median), world.sigma, world.videos))
        self.work = float(self.lengths.sum())
        self.speed = np.where(self.rng.random(world.nodes) < world.slow, 1 / world.slowness, 1.0)
        self.planner = Planner(self.lengths.tolist())
        self.events: list[tuple[float, int, str, int, int]] = []  # when, order, what, node, generation
        self.order = 0
        self.generation = [0] * world.nodes
        self.task: list[Task | None] = [None] * world.nodes
        self.opened: list[int | None] = [None] * world.nodes
        self.waiting: set[int] = set()
        self.units = self.begun = self.deaths = 0
        self.done: set[tuple[int, int]] = set()
        self.joined = 0
        self.expected = 0
        self.makespan = 0.0

    def run(self) -> Outcome:
        start = time.perf_counter()
        world = self.world
        for node in range(world.nodes):
            self._begin(node, 0.0)
            self._plan_death(node, 0.0)
        while self.events and not self.planner.is_over:
            now, _, what, node, generation = heappop(self.events)
            if what == "born":
                self._plan_death(node, now)
                self._begin(node, now)
            elif generation != self.generation[node]:
                continue
            elif what == "death":
                self._die(node, now)
            else:
                self._end(node, now)
        share, longest = self.work / world.nodes, float(self.lengths.max())
        bound = share if self.cut else max(share, longest)
        return Outcome(
            self.makespan, bound, self.makespan / bound, self.work, longest, self.expected,
            self.begun / max(self.expected, 1), self.expected - len(self.done) + world.videos - self.joined,
            self.deaths, time.perf_counter() - start,
        )  # fmt: skip

    def _push(self, when: float, what: str, node: int) -> None:
        self.order += 1
        heappush(self.events, (when, self.order, what, node, self.generation[node]))

    def _plan_death(self, node: int, now: float) -> None:
        if self.world.deaths:
            hours = self.rng.exponential(-1 / np.log1p(-self.world.deaths))
            self._push(now + 3600 * float(hours), "death", node)

    def _begin(self, node: int, now: float) -> None:
        task = self.planner.pick(node)
        if task is None:
            self.waiting.add(node)
            return
        self.task[node] = task
        seconds = task.seconds if task.kind == "unit" else 0.0
        if task.kind == "join":
            seconds = self.world.joining * float(self.lengths[task.clip])
        self.begun += task.kind == "unit"
        if self.opened[node] != task.clip:
            seconds += self.world.opening
            self.opened[node] = task.clip
        self._push(now + seconds / float(self.speed[node]), "end", node)

    def _end(self, node: int, now: float) -> None:
        task = self.task[node]
        assert task is not None
        self.task[node] = None
        self.generation[node] += 1
        self._plan_death(node, now)  # lives have no memory, so the next one's end may be drawn anew
        if task.kind == "open":
            length = float(self.lengths[task.clip])
            parts = units_wanted(length / self.work, self.world.nodes) if self.cut else 1
            self.expected += parts
            self.planner.opened(task.clip, [(number, length / parts) for number in range(parts)])
            others: list[int] = []
        else:
            others = self.planner.ended(task)
            if task.kind == "unit":
                assert isinstance(task.unit, int)
                self.done.add((task.clip, task.unit))
            else:
                self.joined += 1
                self.makespan = now
        for other in others:
            if other != node and self.task[other] == task:
                self.task[other] = None
                self.generation[other] += 1
                self._plan_death(other, now)
                self._begin(other, now)
        self._begin(node, now)
        self._wake(now)

    def _die(self, node: int, now: float) -> None:
        self.deaths += 1
        self.generation[node] += 1
        task, self.task[node] = self.task[node], None
        self.waiting.discard(node)
        self.opened[node] = None
        if task is not None:
            self.planner.lost(task, node)
        self._push(now + self.world.replaced, "born", node)
        self._wake(now)

    def _wake(self, now: float) -> None:
        """Ask for those who wait, as long as there is something for them."""
        while self.waiting:
            node = self.waiting.pop()
            self._begin(node, now)
            if node in self.waiting:
                return


def draw_makespans(path: str, nodes: Sequence[int] = (3, 10, 30, 100, 300, 1000)) -> None:
    """Draw how makespans grow with the number of nodes, ten videos each, cut and whole."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "videopose"  # same figure, same bytes
    figure = Figure(figsize=(5, 2.6), layout="constrained")
    axes = figure.add_subplot()
    for cut, line, label in ((True, "o-", "cut into units"), (False, "s--", "left whole")):
        outcomes = [simulate(World(nodes=count, videos=10 * count), cut=cut) for count in nodes]
        ratios = [each.makespan / (each.work / count) for each, count in zip(outcomes, nodes, strict=True)]
        axes.plot(nodes, ratios, line, label=label)
    axes.axhline(1.05, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("nodes, ten videos each")
    axes.set_ylabel("makespan / (work / nodes)")
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Print outcomes as JSON, a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=World.nodes)
    parser.add_argument("--videos", type=int, default=World.videos)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="leave clips whole")
    parser.add_argument("--figure", help="draw makespans over the number of nodes into this SVG instead")
    asked = parser.parse_args(arguments)
    if asked.figure:
        draw_makespans(asked.figure)
        return
    for seed in range(asked.seeds):
        world = World(nodes=asked.nodes, videos=asked.videos, seed=seed)
        print(json.dumps(asdict(simulate(world, cut=not asked.whole))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
