"""Optima read off the prices of worker types, each with its own proof.

``shortcuts``
    The order in which they are tried.
``bottleneck``, ``bottleneck_pairs``
    One job decides the level; the others are put at the centre of what is left. Without pairs, and with.
``price_search``, ``recovery``
    Every worker type has a price; shares from the basis that the prices tell.
``sums_by_prices``
    Sums of rewards over very many groups, of which prices decide most.
``levels_in_stages``, ``markets``
    All levels of water filling, by the prices of the types that are full at each stop.
``cheapest_mix``
    What one job does at given prices.
"""
