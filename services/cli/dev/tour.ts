import { ownCommand, shellWord } from '../../../shared/config/own-command.ts'
import type { DemoSecrets } from './dev-secrets.ts'

export type DemoTokens = { grant_id: string; access_token: string; refresh_token: string }

/**
 * What one walk through the tour uses: a grant to be refreshed `alone`, because that grant ends when its first line is
 * repeated too late, and the one that all other lines are `shown` with.
 */
export type DemoGrants = {
  refresh_grace_seconds: number
  alone: Pick<DemoTokens, 'refresh_token'>
  shown: DemoTokens
}

/** Whom the demo's grants are for: of which client, on behalf of whom, to do what. */
export const DEMO_GRANT = { client_id: 'demo-app', sub: 'demo-alice', scope: 'orders.read orders.approve' }

/** `demo_url`: of the demo's application, where `password` is that of its user; undefined: it has none yet. */
type Place = { url: string; admin_url: string; demo_url: string; folder: string; password: string | undefined }
type Tour = Place & { secrets: DemoSecrets; grants: DemoGrants }

/** One step: what it shows, and the one line that shows it. */
export type Step = { step: number; title: string; command: string }

/**
 * The steps of the tour, to be pasted in this order into bash, zsh or fish, with curl 7.68: no comments, single quotes,
 * answers that end with a newline. The only place where tokens and secrets are printed: the demo's own, on loopback.
 */
export function tourOf({ url, folder, secrets, grants: { refresh_grace_seconds, alone, shown } }: Tour): Step[] {
  const curl = `curl -sS -w '\\n'`
  const app = `-u 'demo-app:${secrets['demo-app']}'`
  const orders = `-u 'demo-orders:${secrets['demo-orders']}'`
  const refresh = (token: string) => `${app} ${url}/oauth2/token -d grant_type=refresh_token -d refresh_token=${token}`
  const check = (resource: string) =>
    `${curl} ${orders} ${url}/check -H 'Content-Type: application/json' -d '${JSON.stringify({ token: shown.access_token, resource })}'`
  const twenty = `seq 20 | xargs -P 20 -I{} curl -sS ${refresh(shown.refresh_token)} | grep -oE '(tl|invalid)_[^"]*' | sort | uniq -c`
  const steps = [
    [
      `refresh: a new pair, and the same one again within ${refresh_grace_seconds} s`,
      `${curl} ${refresh(alone.refresh_token)}`,
    ],
    ['twenty equal refreshes at once: one pair, twenty times', twenty],
    ['check: Alice may list orders', check('orders:list')],
    ['check: she may not approve them, and the answer says why', check('orders.internal:approve')],
    ['introspect', `${curl} ${orders} ${url}/oauth2/introspect -d token=${shown.access_token}`],
    ['revoke', `${curl} ${app} ${url}/oauth2/revoke -d token=${shown.refresh_token}`],
    ['check again: refused', check('orders:list')],
    [
      'audit: replay it from the log, where the twenty are one TokenRefreshed',
      `${here(folder)} audit replay --grant ${shown.grant_id}`,
    ],
  ] as const
  return steps.map(([title, command], at) => ({ step: at + 1, title, command }))
}

/** The tour as dev mode prints it once it is ready, and `demo` at any time. */
export function renderTour(place: Place, steps: Step[]): string {
  return [
    '',
    `Ready: ${place.url} (public), ${place.admin_url} (admin).`,
    'Paste these lines into another terminal, in this folder, one after another:',
    '',
    ...steps.map(({ step, title, command }) => `# ${step}. ${title}\n${command}\n`),
    ...inBrowser(place),
    `Lines with new tokens, at any time: ${here(place.folder)} demo`,
    '',
    '',
  ].join('\n')
}

/** What nobody can paste. */
function inBrowser({ demo_url, password, folder }: Place): string[] {
  const given = password === undefined ? 'the password that you gave her' : `the password ${password}`
  const giving = [
    'Alice has no password in a folder of an older release. This gives her one, and ends her tokens:',
    `${here(folder)} users password ${DEMO_GRANT.sub}`,
    '',
  ]
  return [
    ...(password === undefined ? giving : []),
    `Then open ${demo_url}/ in a browser, log in as alice with ${given},`,
    'allow what is asked, and see the tokens arrive.',
    '',
  ]
}

/** The command line as it finds the service of this data folder. */
export function here(folder: string): string {
  return `${folder === '.ledger' ? '' : `LEDGER_DATA_DIR=${shellWord(folder)} `}${ownCommand()}`
}
