import type { DemoTokens } from './demo.ts'
import type { DemoSecrets } from './dev-secrets.ts'

type Banner = { url: string; admin_url: string; folder: string; secrets: DemoSecrets; tokens: DemoTokens }

/**
 * What dev mode prints once it is ready: one command a step, to be pasted in this order into another terminal. The only
 * place where tokens and secrets are printed: they are the demo's own, made at this start, on loopback.
 */
export function banner({ url, admin_url, folder, secrets, tokens }: Banner): string {
  const app = `-u 'demo-app:${secrets['demo-app']}'`
  const orders = `-u 'demo-orders:${secrets['demo-orders']}'`
  const check = (resource: string) =>
    `curl -sS ${orders} ${url}/check --json '${JSON.stringify({ token: tokens.access_token, resource })}'`
  const steps: [string, string][] = [
    [
      'refresh: a new pair; repeat it, and you get the same one',
      `curl -sS ${app} ${url}/oauth2/token -d grant_type=refresh_token -d refresh_token=${tokens.refresh_token}`,
    ],
    ['check: Alice may list orders', check('orders:list')],
    ['check: she may not approve them, and the answer says why', check('orders.internal:approve')],
    ['introspect', `curl -sS ${orders} ${url}/oauth2/introspect -d token=${tokens.access_token}`],
    ['revoke', `curl -sS ${app} ${url}/oauth2/revoke -d token=${tokens.refresh_token}`],
    ['check again: refused', check('orders:list')],
    [
      'audit: replay what happened from the log',
      `${folder === '.ledger' ? '' : `LEDGER_DATA_DIR='${folder}' `}npx token-ledger audit replay --grant ${tokens.grant_id}`,
    ],
  ]
  const lines = steps.map(([title, command], i) => `# ${i + 1}. ${title}\n${command}\n`)
  return [
    '',
    `Ready: ${url} (public), ${admin_url} (admin). Paste these into another terminal, in this folder:`,
    '',
    ...lines,
    '',
  ].join('\n')
}
