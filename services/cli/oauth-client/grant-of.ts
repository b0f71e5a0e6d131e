/** Which grant a token is of: it says so itself (docs/http.md). */
export function grantOf(token: unknown): string {
  const hex = Buffer.from(String(token).slice('tl_at_'.length), 'base64url').toString('hex', 1, 17)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
