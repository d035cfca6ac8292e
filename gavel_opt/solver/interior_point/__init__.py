"""The interior point method for all allocation programs, in one compiled call, a line a step.

``method``
    The steps, and when to end.
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
