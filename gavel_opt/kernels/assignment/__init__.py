"""Jobs to places in the lines of workers, of which those of one type are alike.

The assignment with the least total cost, where a place ``k`` from the end of a line costs ``k`` times the
job's time on that type. What comes out is what ``scipy.optimize.linear_sum_assignment`` finds for the
matrix with a column for each worker and place, ties and rounding included: the same method, in the same
order of operations (shortest augmenting paths; Crouse, "On implementing 2D rectangular assignment
algorithms", 2016).
"""
