"""Our own solver for allocation programs, compiled: the optimum, its duals and a certificate.

``optimum``
    What the rest of the package calls; ``max_min`` and ``finish_time`` are the short way from jobs to shares,
    ``one_step`` what these two have in common, ``task`` what they are asked.
``product_optimum``, ``strategy_proof``
    The same for the largest product of levels, and the short way of the policy that asks for it.
``packed_optimum``
    The same for packed programs of many groups.
``prices``
    Tried first: where one job decides the level, and where every worker type has a price.
``many_types``
    Programs of one level with dozens of worker types and hundreds of groups: a path on few columns of each.
``interior_point``
    The method for all programs, in one compiled call.
``column_generation``
    Pairs priced in as they are needed.
``largest_product``
    The largest product of levels: prices at which each job's best choice adds up to what there is.
``memory``
    What one program leaves to the next.
``total_worth``
    The second program of the efficient optimum.
``records``, ``tables``
    What the kernels keep of each thing, and how a program gets there.
``settings``
    What all methods are set to.
"""
