"""Contended programs with pairs, whose optimum is a single vertex: a dual simplex from the last program's prices.

``columns``
    The program: rows, columns, and the numbers that stand for them.
``start``
    Prices and basis of the last program in this one, or some from nothing.
``dual_simplex``
    Pivots, until no basic variable is negative.
``only_vertex``
    The vertex of a basis to the last digits, and whether it is the only optimum.
"""
