import test from 'ava'
import type { z } from 'zod'
import { TEXT, USERNAME } from '../../services/admin/names.ts'

const problemOf = (form: z.ZodType<string>, text: string) => form.safeParse(text).error?.issues[0]?.message

test('names of people may be written in any script, joiners included', (t) => {
  for (const name of [
    'Ada Lovelace',
    'Zoë O’Neill',
    'علی\u200cرضا',
    'क्\u200dषेत्र',
    'ශ්\u200dරී',
    '李小龍',
    '👩\u200d🔬 Ada',
  ])
    t.is(problemOf(TEXT, name), undefined, name)
  for (const name of ['ada', 'zoë', 'علی\u200cرضا', 'क्\u200dषेत्र', 'ශ්\u200dරී', '李小龍'])
    t.is(problemOf(USERNAME, name), undefined, name)
})

test('control characters, bidirectional controls and line separators are refused by their code point', (t) => {
  for (const code of [
    0x0, 0x9, 0xa, 0x1b, 0x7f, 0x85, 0x61c, 0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069, 0x2028, 0x2029,
  ])
    for (const form of [TEXT, USERNAME]) {
      const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
      t.is(problemOf(form, `ada${String.fromCodePoint(code)}x`), `must not have ${name} here`)
    }
})

test('a username has no character that nobody sees, so that no two look alike', (t) => {
  const refused: [string, string][] = [
    ['ad\u200ca', 'U+200C'],
    ['zoë\u200dë', 'U+200D'],
    ['ada\u200c', 'U+200C'],
    ['\u200dعلی', 'U+200D'],
    ['علی\u200c', 'U+200C'],
    ['علی\u200c\u200cرضا', 'U+200C'],
    ['иван\u200cов', 'U+200C'],
    ['ada\u00ad', 'U+00AD'],
    ['ada\ufeff', 'U+FEFF'],
    ['ada\u{e0061}', 'U+E0061'],
    ['ada\ue000', 'U+E000'],
  ]
  for (const [name, code] of refused) t.is(problemOf(USERNAME, name), `must not have ${code} here`, code)
})
