"""Gang placement as an integer programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from computenet.optimization.gang_problem import GangArcTable
from computenet.optimization.sparse import Block, ModelBuilder, SparseModel

__all__ = ["GangModel", "gang_model"]

I8 = NDArray[np.int64]
B1 = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GangModel:
    """The programme, and where its columns are.

    Attributes
    ----------
    model
        To be minimised: minus the worth.
    take
        Columns of `arc`.
    arc
        Which arcs of the table stand in it.
    """

    model: SparseModel
    take: Block
    arc: I8


def gang_model(arcs: GangArcTable, kept: B1 | None = None) -> GangModel:
    """Return the programme of a problem.

    ``max sum_a v_a x_a - sum_pk c_p s_k f_pk`` subject to

    - one pool a job: ``sum_(a of j) x_a <= 1``;
    - servers: ``sum_(a in p) w_a x_a + r_p = C_p``, with the room ``r_p >= 0``;
    - a size that is said to fit fits: ``W_pk z_pk <= r_p``;
    - fragments: ``f_pk >= r_p - C_p z_pk``;

    over ``x``, ``z`` of 0 or 1 and ``f >= 0``. ``c_p`` is the price of a server left as a
    fragment, ``s_k`` the share of gangs to come that take ``W_pk`` servers. ``r``, ``z`` and ``f``
    stand only where fragments cost.

    Parameters
    ----------
    kept
        ``(A,)`` arcs that stand in the programme; all by default.
    """
    arc = np.arange(len(arcs.job)) if kept is None else np.flatnonzero(kept)
    jobs, pools = len(arcs.stop_cny), len(arcs.capacity)
    builder = ModelBuilder()
    take = builder.add_columns(
        "placed", (len(arc),), cost=-arcs.profit_cny[arc], upper=1.0, integer=True
    )
    one = builder.add_rows("one pool", (jobs,), upper=1.0)
    builder.add_terms(one.index(arcs.job[arc]), take.index(), 1.0)
    priced = np.flatnonzero((arcs.fragment_cny > 0.0) & (arcs.capacity > 0))
    if not arcs.size.shape[1]:
        priced = priced[:0]
    least = np.full(pools, -np.inf)
    least[priced] = arcs.capacity[priced]
    servers = builder.add_rows("servers", (pools,), lower=least, upper=arcs.capacity)
    builder.add_terms(servers.index(arcs.pool[arc]), take.index(), arcs.servers[arc])
    if len(priced):
        _add_fragments(builder, arcs, priced, servers)
    return GangModel(builder.build(), take, arc)


def _add_fragments(builder: ModelBuilder, arcs: GangArcTable, priced: I8, servers: Block) -> None:
    sizes = arcs.size.shape[1]
    shape = (len(priced), sizes)
    capacity, size = arcs.capacity[priced], arcs.size[priced]
    share = -np.diff(arcs.tail[priced], axis=1, append=0.0)
    room = builder.add_columns("room", (len(priced),), upper=capacity, integer=True)
    builder.add_terms(servers.index(priced), room.index(), 1.0)
    fits = builder.add_columns(
        "size fits", shape, upper=(size <= capacity[:, None]).astype(np.float64), integer=True
    )
    lost = builder.add_columns(
        "fragment", shape, cost=share * arcs.fragment_cny[priced, None],
        upper=capacity[:, None].astype(np.float64), integer=True,
    )  # fmt: skip
    low = builder.add_rows("size that fits", shape, upper=0.0)
    builder.add_terms(low.index(), fits.index(), size)
    builder.add_terms(low.index(), room.index()[:, None], -1.0)
    floor = builder.add_rows("fragments", shape, lower=0.0)
    builder.add_terms(floor.index(), lost.index(), 1.0)
    builder.add_terms(floor.index(), room.index()[:, None], -1.0)
    builder.add_terms(floor.index(), fits.index(), capacity[:, None])
