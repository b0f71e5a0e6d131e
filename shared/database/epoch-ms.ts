/** SQL for a timestamptz as whole milliseconds since the epoch. */
export function epochMs(expression: string): string {
  // date_part is a float, which is several times faster than extract's numeric, and exact to the microsecond here.
  return `round(date_part('epoch', ${expression}) * 1000)::bigint`
}
