"""Our own solver for allocation programs: a compiled interior point method and its face centre.

``parts``
    What the kernels hand to each other.
``normal``
    The normal equations, eliminated group by group down to one price a worker type.
``path``
    The primal-dual interior point method.
``face``
    Which variables are zero in every optimum, the centre of the others, and exact duals.
``proof``
    The certificate, from the program as it was given.
``solve``
    All of it for one program, in one compiled call.
"""
