"""Levels of many groups that may share workers, in parts.

``own_limits_first``
    First the stops that no worker has a part in, then one program of the others.
``who_rises``
    That program, and how its basis goes beside that of those who have stopped.
``basis_of_stops``
    What those who have stopped have in the basis, and who of them is done with.
``path_of_levels``
    The path of :mod:`gavel_opt.solver.pair_simplex` along which levels rise: all of it, while workers last, and from there on.
"""
