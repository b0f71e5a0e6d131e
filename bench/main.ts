/**
 * `npm run bench` measures refreshes, `npm run bench -- sweep` the sweeper beside them, `npm run bench -- scale` what a
 * start and a question cost at many grants, `npm run bench -- people` what sealed people cost, and forgetting many,
 * `npm run bench -- lists` what pages of grants take, and what their indexes cost a refresh, `npm run bench --
 * grant-types` what a code exchange and client_credentials cost beside a refresh, and `npm run bench -- pages` what the
 * pages of a login cost, and what logins cost a refresh.
 */
const BENCHES = {
  refresh: () => import('./run.ts'),
  sweep: () => import('./sweep.ts'),
  scale: () => import('./scale/run.ts'),
  lists: () => import('./lists.ts'),
  people: () => import('./people/run.ts'),
  'grant-types': () => import('./grant-types/run.ts'),
  pages: () => import('./pages/run.ts'),
}

const [name = 'refresh'] = process.argv.slice(2)
const bench = Object.entries(BENCHES).find(([one]) => one === name)
if (!bench) throw new Error(`there is no bench ${name}: ${Object.keys(BENCHES).join(', ')}`)
await bench[1]()
