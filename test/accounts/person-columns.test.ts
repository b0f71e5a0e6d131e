import test from 'ava'
import { usernameSort } from '../../shared/accounts/person-columns.ts'

test('a name is found by its folded form, and a long one by an index too: no two are the same', (t) => {
  t.is(usernameSort(' ADA '), 'ada')
  const long = 'a'.repeat(300)
  t.true(Buffer.byteLength(usernameSort(long)) < 1_000, 'an index bears no more than some kilobytes')
  t.true(usernameSort(long).startsWith('a'.repeat(100)))
  t.is(usernameSort(long), usernameSort(long.toUpperCase()))
  for (const other of [long.slice(0, 100), `${long}b`]) t.not(usernameSort(long), usernameSort(other))
})
