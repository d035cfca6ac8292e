"""Our own solver for allocation programs, compiled: the optimum, its duals and a proof.

``optimum``
    What the rest of the package calls.
``direct``
    The short ways, tried first: ``pinned``, where one job decides the level, and ``prices`` with ``corner``, where
    every worker type has a price. ``patterns`` is what one job does at given prices.
``solve``
    The interior point method for all programs, in one compiled call.
``tables``
    What its kernels hand to each other.
``scale``
    From the program to the tables, and where to start.
``normal``, ``packed``
    The normal equations, without pairs eliminated group by group down to one price a worker type.
``path``
    The primal-dual interior point method.
``face``
    Which variables are zero in every optimum, the centre of the others, and exact duals.
``proof``
    The certificate, from the program as it was given.
"""
