export const FORMATS = ['table', 'json', 'jsonl', 'yaml'] as const

export type Format = (typeof FORMATS)[number]

/** The formats that programs read. */
export type DataFormat = Exclude<Format, 'table'>

/** What a command prints: at once, or piece by piece. */
export type Text = string | AsyncIterable<string>

/** How wide a table is where nobody asks for more. */
export const NARROW = 80

/** How a table is shown: this many columns wide at most, `null` = whole; and whether in colour. */
export type Look = { width: number | null; colour: boolean }

/** A value as data. `each`: what stands one a line in JSON lines, where that is not the value itself. */
export async function* dataText(
  value: unknown,
  format: DataFormat,
  each: readonly unknown[] = [value],
): AsyncGenerator<string> {
  if (format === 'yaml') yield await yamlOf(value)
  else if (format === 'json') yield `${JSON.stringify(value, null, 2)}\n`
  else yield each.map((one) => `${JSON.stringify(one)}\n`).join('')
}

/** Values as data while they come: one JSON array, one JSON text a line, or one YAML sequence. */
export async function* eachText(values: AsyncIterable<unknown>, format: DataFormat): AsyncGenerator<string> {
  let count = 0
  for await (const value of values) {
    if (format === 'yaml') yield await yamlOf([value])
    else if (format === 'jsonl') yield `${JSON.stringify(value)}\n`
    else yield `${count === 0 ? '[\n' : ',\n'}${JSON.stringify(value)}`
    count++
  }
  if (format === 'json') yield count === 0 ? '[]\n' : '\n]\n'
  if (format === 'yaml' && count === 0) yield '[]\n'
}

/** YAML that readers of 1.1 and of 1.2 take for the same: what could be read as more than text is quoted. */
async function yamlOf(value: unknown): Promise<string> {
  const { stringify } = await import('yaml')
  return stringify(value, {
    version: '1.1',
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  })
}
