/**
 * One deliberate break of the product: `find`, which stands once in `file`, becomes `replace`; one of `tests` must then
 * fail.
 */
export type Mutant = { name: string; file: string; find: string; replace: string; tests: string[] }

/** Every break that some test must catch. A fault that got past the tests once belongs here. */
export const MUTANTS: Mutant[] = []
