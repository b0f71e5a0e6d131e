/** Tells which service of the ledger a bearer must be allowed to use. */
export function right(service: string): string {
  return `Needs the right \`${service}\`; what touches or reaches \`ledger.*\` needs \`ledger.admin:guard\` too.`
}
