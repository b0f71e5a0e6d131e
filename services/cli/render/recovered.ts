import { dataText, type Format, type Text } from './formats.ts'

/** `client_secret`: `null` = it went to a file. `opened`: the keys of what kept the client out. */
export type Recovered = { client_id: string; client_secret: string | null; opened: string[] }

/** The client that can administer the ledger again, with its secret, and what was opened for it. */
export function renderRecovered({ client_id, client_secret, opened }: Recovered, format: Format): Text {
  const secret = client_secret === null ? {} : { client_secret }
  if (format !== 'table') return dataText({ client_id, ...secret, opened }, format)
  const lines = [
    `client_id: ${client_id}`,
    ...Object.values(secret).map((text) => `client_secret: ${text}`),
    `opened: ${opened.join(', ') || 'nothing, nothing was closed'}`,
    'It can administer the ledger as soon as a running projector has folded this.',
  ]
  return `${lines.join('\n')}\n`
}
