export const FORMATS = ['table', 'json', 'jsonl'] as const

export type Format = (typeof FORMATS)[number]

/** How wide a table is where nobody asks for more. */
export const NARROW = 80

/** How a table is shown: this many columns wide at most, `null` = whole; and whether in colour. */
export type Look = { width: number | null; colour: boolean }
