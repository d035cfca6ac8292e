"""The largest product of levels: prices at which each job's best choice adds up to what there is.

``market``
    A program as kernels take it, and what they find of it.
``path``
    An interior point method, from a start that depends on the program alone.
``block_elimination``
    What a step of it does: everything but the prices of worker types eliminated, group by group.
``choices``
    What each group does at given prices, once it is known on which types it runs: exact levels.
``face``
    Which shares may be positive, found from a point nearby and mended until all conditions hold.
``centre``
    Of several optimal shares, the canonical ones.
``method``
    The whole, with its proof; and a program that is another one less a job, from the other's answer.
"""
