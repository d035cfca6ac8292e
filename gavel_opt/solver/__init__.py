"""Our own solver for allocation programs, compiled: the optimum, its duals and a certificate.

``optimum``
    What the rest of the package calls; ``max_min`` is the short way from jobs to shares.
``settings``
    What all methods are set to.
``shortcuts``
    Tried first: ``bottleneck``, where one job decides the level, and ``price_search`` with ``recovery``, where every
    worker type has a price. ``cheapest_mix`` is what one job does at given prices.
``bottleneck_pairs``
    The same for packed programs whose level one job decides.
``interior_point``
    The method for all programs, in one compiled call, a line a step.
``records``, ``tables``
    What its kernels keep of each thing, and how a program gets there.
``scaling``
    From the program's own numbers to scaled ones, and where to start.
``predictor_corrector``
    Residuals, aims and steps.
``kkt_alone``, ``kkt_pairs``
    The normal equations, without pairs eliminated group by group down to one price a worker type.
``optimal_face``, ``idle_pairs``
    Which variables are zero in every optimum, the centre of the others, and exact duals.
``certificate``
    The proof, from the scaled program.
"""
