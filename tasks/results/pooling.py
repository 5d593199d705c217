"""FID and KID of all frames of a run, a renderer and protocol at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reenactory.models.metrics.pooled import PooledFeatures
from reenactory.models.metrics.registry import definition_for
from reenactory.tasks.results.aggregate import SEED, Name, PairInfo, line


class Features(NamedTuple):
    """Inception features of one render and of the frames that drove it; valid frames only, and how many are not."""

    real: NDArray[np.float32]
    generated: NDArray[np.float32]
    dropped: int = 0


def pooled_lines(
    renders: Sequence[tuple[str, str]],
    pairs: Mapping[str, PairInfo],
    load: Callable[[str, str], Features],
) -> Iterator[dict[str, object]]:
    """Rows of AGGREGATES: all rendered frames of a renderer and protocol against all frames that drove them.

    Args:
        renders: (renderer, pair_id).
        pairs: by pair_id.
        load: the features of one of them; called once each, so that they need not all be in memory.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for renderer, pair_id in renders:
        groups[renderer, pairs[pair_id].protocol].append(pair_id)
    for (renderer, protocol), ids in sorted(groups.items()):
        pooled = PooledFeatures()
        for pair_id in sorted(ids):
            part = load(renderer, pair_id)
            pooled.update(pair_id, pairs[pair_id].identity, part.real, part.generated, part.dropped)
        for metric, found in (("fid_pooled", pooled.fid(SEED)), ("kid", pooled.kid(SEED))):
            yield line(Name(renderer, protocol, metric, definition_for(metric), "", -1), found, len(ids))
