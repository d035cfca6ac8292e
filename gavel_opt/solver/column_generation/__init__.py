"""Packed programs in which every job is different: pairs are priced in as they are needed.

``rounds_of_pricing``
    Solve with the pairs that there are, price the others, take in those that would help, until none does.
``pair_pricing``
    What each pair would be worth at the prices of jobs and worker types, in compiled passes.
``scaled_program``, ``restricted_master``
    The program in units of its own, and the part of it with few pairs, whose basis stays.
``central_start``, ``those_that_left``, ``needed_columns``
    Where it starts: near the optimum, from nothing; or at the last optimum, beside groups that have left since, with pairs that new ones need.
``pools_of_groups``, ``alike_groups``, ``handed_out``
    Groups that run equally fast in pools: what prices of these say of them, and what pools get, handed out.
``face_columns``, ``tiles``, ``face_parts``
    All columns that are worth their price: as a list, in tiles where nearly every pair is there, and as the parts
    of a face.
``centre_of_pairs``, ``joint_equations``, ``kept_centre``
    The centre of the optima that they span, its equations, and prices of the last one as a start.
"""
