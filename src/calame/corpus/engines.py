"""From the recipe's section execution.corpus to the engine that it asks for."""

from __future__ import annotations

from calame.corpus.engine import Engine, Local
from calame.recipe.schema import CorpusExecution


def engine_of(asked: CorpusExecution) -> Engine:
    """The engine of a recipe. datatrove is imported only where it is asked for."""
    workers = None if asked.workers == "auto" else asked.workers
    if asked.engine == "local":
        return Local(workers)
    from calame.corpus.engine_datatrove import RayCluster, SlurmCluster, ThisMachine

    if asked.engine == "slurm":
        assert asked.partition is not None
        return SlurmCluster(workers, asked.partition, asked.time, asked.memory)
    return RayCluster(workers, asked.memory) if asked.engine == "ray" else ThisMachine(workers)
