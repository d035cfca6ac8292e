"""Programs of one level with dozens of worker types and hundreds of groups.

``method``
    What is called: the path on few columns of each job, then on all.
``path``
    The path to the optimum.
``face``
    From the face to prices, shares and proof.
``centre``
    The centre of the jobs that may mix.
``equations``, ``passes``
    Jobs eliminated down to prices, and what is compiled of that.
"""
