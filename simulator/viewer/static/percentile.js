// Percentiles by the formula of summaries and terminal (numpy's).

/**
 * A percentile, interpolated linearly between two values; null where a value that is not known decides it.
 * @param {ArrayLike<number>} known ascending
 * @param {number} total values, of which the known ones are the smallest
 * @param {number} rank from 0 to 100
 */
export function percentile(known, total, rank) {
  const at = (rank / 100) * (total - 1);
  const below = Math.floor(at);
  const above = Math.ceil(at);
  if (!(total > 0) || above >= known.length) return null;
  return known[below] + (at - below) * (known[above] - known[below]);
}
