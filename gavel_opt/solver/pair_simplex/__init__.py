"""Contended programs with pairs, whose prices are the only ones: a dual simplex from the last program's.

``columns``
    The program: rows, columns, and the numbers that stand for them.
``start``
    Prices and basis of the last program in this one, or some from nothing.
``dual_simplex``
    Pivots, until no basic variable is negative.
``only_vertex``
    The vertex of a basis to the last digits, and whether it is the only optimum.
``centre_of_face``
    The centre of all optima, where there are several.
"""
