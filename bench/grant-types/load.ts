import autocannon from 'autocannon'
import { refreshForm } from './forms.ts'

/**
 * The load generator, in a process of its own: `each` requests on each connection, one after the other. A connection
 * sends its own forms in turn, the last of them again and again; with `follows` the refresh token that it was given.
 */
export type LoadOrder = { port: number; authorization: string; forms: string[][]; each: number; follows: boolean }

export type Loaded = { answered: number; failures: number }

process.on('message', (order: LoadOrder) => void run(order).then((loaded) => process.send?.(loaded)))

async function run({ port, authorization, forms, each, follows }: LoadOrder): Promise<Loaded> {
  const loaded: Loaded = { answered: 0, failures: 0 }
  let connection = 0
  const { errors, timeouts } = await autocannon({
    url: `http://127.0.0.1:${port}/oauth2/token`,
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    connections: forms.length,
    amount: forms.length * each,
    setupClient: (client) => {
      const left = [...(forms[connection++] ?? [])]
      client.setBody(left.shift() ?? '')
      client.on('response', (status) => (status === 200 ? loaded.answered++ : loaded.failures++))
      client.on('body', (body) => {
        const form = follows ? refreshForm(tokenIn(body.toString('latin1'))) : left.shift()
        if (form !== undefined) client.setBody(form)
      })
    },
  })
  return { ...loaded, failures: loaded.failures + errors + timeouts }
}

function tokenIn(body: string): string {
  return /"refresh_token":"([^"]+)"/.exec(body)?.[1] ?? ''
}
