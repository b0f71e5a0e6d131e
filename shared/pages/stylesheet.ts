import { GROUNDS, type Mode, textOn } from '../appearance/colours.ts'

/** The one stylesheet of all pages, with these accents. It loads nothing, and fonts are those of the system. */
export function stylesheet(accents: Record<Mode, string>): string {
  return `:root { color-scheme: light dark; ${colours('light', accents.light)} }
@media (prefers-color-scheme: dark) { :root { ${colours('dark', accents.dark)} } }
${PAGE}${FORMS}${LISTS}${PREFERENCES}`
}

// Each of these has 4.5:1 on both grounds and on the ground of its notice, an edge 3:1.
const REST = {
  light: {
    ...{
      text: '#1b1f27',
      quiet: '#575e6b',
      edge: '#7f8795',
      line: '#e2e4e9',
      shade: '0 1px 2px #1018280f, 0 8px 24px #10182814',
    },
    ...{ bad: '#b3261e', 'bad-ground': '#fdf1f0', good: '#1c6b3f', 'good-ground': '#eef8f1' },
  },
  dark: {
    ...{ text: '#e6e8ec', quiet: '#a3aab6', edge: '#6c7482', line: '#2b3039', shade: '0 0 0 1px #2b3039' },
    ...{ bad: '#ffb4ab', 'bad-ground': '#3a1c1a', good: '#8fd6a8', 'good-ground': '#15301f' },
  },
} as const satisfies Record<Mode, Record<string, string>>

function colours(mode: Mode, accent: string): string {
  const all = { ...GROUNDS[mode], ...REST[mode], accent, 'on-accent': textOn(accent) }
  return Object.entries(all)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ')
}

const PAGE = `
*, *::before, *::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
.sheet { display: flex; flex-direction: column; gap: 1.25rem; max-width: 27rem; min-height: 100vh; min-height: 100svh; margin: 0 auto; padding: clamp(1rem, 6vh, 4rem) 1rem 1.5rem; }
.sheet.wide { max-width: 44rem; }
.masthead { display: flex; align-items: center; justify-content: center; gap: .75rem; min-height: 2.5rem; }
.masthead img { display: block; height: 2.5rem; max-width: 10rem; object-fit: contain; }
.service { margin: 0; font-size: 1.0625rem; font-weight: 600; letter-spacing: -.005em; }
.card { padding: clamp(1.25rem, 6vw, 2.25rem); background: var(--card); border-radius: .875rem; box-shadow: var(--shade); }
.card > :last-child, .card form > :last-child { margin-bottom: 0; }
h1 { margin: 0 0 .375rem; font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; }
h1 + form { margin-top: 1.25rem; }
h2 { margin: 0; font-size: 1.0625rem; line-height: 1.4; font-weight: 600; }
p { margin: 0 0 1.25rem; }
code { font: .9375em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
strong { font-weight: 600; }
footer, .quiet, .hint { color: var(--quiet); font-size: .875rem; }
footer { margin-top: auto; text-align: center; }
.welcome { margin: 0 0 .25rem; color: var(--quiet); font-weight: 500; }
.lead { color: var(--quiet); }
.lead strong, .quiet strong { color: var(--text); }
a { color: inherit; text-decoration: underline; text-decoration-color: var(--accent); text-decoration-thickness: .125em; text-underline-offset: .2em; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: .1875rem solid var(--accent); outline-offset: .1875rem; border-radius: .25rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.notice { margin: 1rem 0 1.25rem; padding: .75rem 1rem; border-inline-start: .25rem solid; border-radius: .5rem; }
.notice p { margin: 0; }
.notice.bad { background: var(--bad-ground); color: var(--bad); }
.notice.good { background: var(--good-ground); color: var(--good); }
`

const FORMS = `
form { margin: 0; }
.field { margin: 0 0 1.25rem; }
label { font-weight: 550; }
.field label { display: block; margin-bottom: .375rem; }
.field .hint { margin: -.25rem 0 .375rem; }
.field input { display: block; width: 100%; min-height: 2.875rem; padding: .5rem .75rem; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; }
.field input:focus-visible { outline-offset: 0; border-color: var(--accent); border-radius: .5rem; }
.field input[readonly] { background: var(--page); border-color: var(--line); color: var(--quiet); }
.field input[aria-invalid] { border-color: var(--bad); border-width: 2px; }
.button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.875rem; padding: .5rem 1.25rem; font: inherit; font-weight: 600; text-align: center; text-decoration: none; color: var(--text); background: transparent; border: 1px solid var(--edge); border-radius: .5rem; cursor: pointer; }
.button:hover { border-color: currentColor; }
.button:focus-visible { border-radius: .5rem; }
.button.main { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
.button.main:hover { box-shadow: inset 0 0 0 2px var(--on-accent); }
.button.link { min-height: 1.5rem; padding: 0; font-size: inherit; font-weight: inherit; color: inherit; border: 0; border-radius: .25rem; text-decoration: underline; text-decoration-color: var(--accent); text-decoration-thickness: .125em; text-underline-offset: .2em; }
.button.small { min-height: 2.25rem; padding: .25rem .875rem; font-size: .9375rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.25rem; }
.buttons > * { flex: 1 1 auto; }
.wide .field { max-width: 24rem; }
.below { margin: 1.25rem 0 0; }
.below a { display: inline-block; min-height: 1.5rem; }
.or { display: flex; align-items: center; gap: .75rem; margin: 1.5rem 0 1.25rem; color: var(--quiet); font-size: .875rem; }
.or::before, .or::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
.ways { display: grid; gap: .75rem; }
.ways .button { width: 100%; }
fieldset { margin: 0 0 1.5rem; padding: 0; border: 0; min-width: 0; }
legend { padding: 0; margin: 0 0 .75rem; color: var(--quiet); font-size: .9375rem; }
`

const LISTS = `
ul { margin: 0; padding: 0; list-style: none; }
.choices { border: 1px solid var(--line); border-radius: .625rem; }
.choices li { padding: .75rem .875rem; }
.choices li + li, .entries li + li { border-top: 1px solid var(--line); }
.choices label { display: flex; align-items: flex-start; gap: .75rem; min-height: 1.5rem; cursor: pointer; }
.choices input { flex: none; width: 1.25rem; height: 1.25rem; margin: .125rem 0 0; accent-color: var(--accent); }
.detail { padding-inline-start: 2rem; color: var(--quiet); font-size: .875rem; }
.detail summary { display: inline-block; min-height: 1.5rem; cursor: pointer; text-decoration: underline; text-underline-offset: .2em; }
.detail ul { padding: .25rem 0; }
.badge { display: inline-block; padding: 0 .5rem; font-size: .8125rem; font-weight: 600; line-height: 1.5rem; color: var(--good); background: var(--good-ground); border-radius: 1rem; }
.tabs { margin: 0 0 1.5rem; padding-bottom: .875rem; border-bottom: 1px solid var(--line); }
.tabs ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
.tabs a { display: inline-block; min-height: 1.75rem; color: var(--quiet); text-decoration: none; }
.tabs a:hover { color: var(--text); }
.tabs a[aria-current] { color: var(--text); font-weight: 600; box-shadow: 0 .125rem 0 var(--accent); }
.entries { border-top: 1px solid var(--line); }
.entries li { display: flex; flex-wrap: wrap; align-items: flex-start; justify-content: space-between; gap: .75rem 1.5rem; padding: 1.25rem 0; }
.entries li > div { flex: 1 1 14rem; }
.entries .button { min-height: 2.25rem; padding: .25rem .875rem; font-size: .9375rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .125rem 1rem; margin: .5rem 0 0; font-size: .9375rem; }
dt { color: var(--quiet); }
dd { grid-column: 2; margin: 0; }
dl + h2 { margin-top: 1.5rem; }
h2 + p { margin-top: .5rem; }
`

const PREFERENCES = `
@media (max-width: 26rem) { .buttons { flex-direction: column; } .buttons > * { flex: none; } }
@media (prefers-reduced-motion: no-preference) { .button, .field input { transition: border-color .12s, box-shadow .12s; } }
@media (forced-colors: active) { .button, .card { border: 1px solid; } }
`
