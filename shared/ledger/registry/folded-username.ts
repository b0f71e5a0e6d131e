/**
 * The form in which user names are unique: NFKC, without spaces around it and without a difference of letter case (the
 * long way round, so that `ß` is `SS`, and `ς` is `σ`). Pure, and the same for ever: the index of a name is made of it.
 */
export function foldedUsername(username: string): string {
  return username.normalize('NFKC').trim().toUpperCase().toLowerCase().normalize('NFKC')
}
